package oaktree

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// DownloadDirectoryOptions say how to download a directory. The zero value will do.
type DownloadDirectoryOptions struct {
	// Which objects: those whose names begin so. It is no part of the files' paths. Empty: all.
	Prefix string
	// Whether to change nothing, and only tell. So it is not tried out whether the directory takes a
	// and A for the same name, and not told that two objects would be one file by that.
	DryRun bool
	// Which files and directories to leave out, in the words of .gitignore.
	Ignore []string
	// How many files to fetch at a time; 0: ten.
	Parallel int
	// Called with how far it is, by one goroutine at a time.
	OnProgress func(Progress)
	// Called with what was done with each file, by one goroutine at a time.
	OnStep func(FileStep)
}

// DownloadDirectory makes a directory have the objects of a container as files; it is made if it is
// not there. Files that are there with the same bytes are left alone, and what no object is of stays.
//
// Nothing is ever written outside the directory, whatever the names say. A name that leads out of it, or
// is no path here, or is of the same file as another, is told in the result, and the others are fetched nevertheless: the error is a
// *[FilesFailed] then. A file appears under its name once all of it is there and verified. Any other
// error is of what would befall every file, as with [UploadDirectory].
func DownloadDirectory(ctx context.Context, scope *Scope, container, directory string, options DownloadDirectoryOptions) (*DirectoryResult, error) {
	ctx, leave := scope.at.whileOpen(ctx)
	defer leave()
	d := &directoryDownload{
		objects: scope.StorageObjects, container: container, options: options,
		tally: &tally{onStep: options.OnStep},
		meter: newMeter(options.OnProgress, "", 0),
		way:   newSigned(scope.StorageObjects, nil, container, options.Prefix, false),
	}
	parallel, err := within(options.Parallel)
	if err == nil {
		d.ignored, err = newIgnored(options.Ignore)
	}
	if err == nil && !options.DryRun {
		err = os.MkdirAll(directory, 0o777)
	}
	if err != nil {
		return d.tally.end(err)
	}
	d.root, err = os.OpenRoot(directory)
	if err != nil && !(options.DryRun && errors.Is(err, fs.ErrNotExist)) {
		return d.tally.end(err)
	}
	if d.root != nil {
		defer d.root.Close()
	}
	tried := d.root
	if options.DryRun {
		tried = nil
	}
	if d.taken, err = newTaken(tried, d.isFolder()); err != nil {
		return d.tally.end(err)
	}
	return d.tally.end(d.all(ctx, parallel))
}

type directoryDownload struct {
	objects   StorageObjects
	container string
	options   DownloadDirectoryOptions
	// Nil in a dry run where there is no directory.
	root    *os.Root
	taken   *taken
	ignored ignored
	tally   *tally
	meter   *meter
	way     *signed
}

func (d *directoryDownload) all(ctx context.Context, parallel int) error {
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	var err error
	asked := &pb.ListStorageObjectsRequest{Parent: d.container, Prefix: d.options.Prefix}
	for object, failed := range d.objects.List(working, asked) {
		if failed != nil {
			err = failed
			break
		}
		place := d.pathOf(object.GetName())
		if place == "" || d.ignored.holds(place) {
			continue
		}
		if failed := d.taken.take(place, object.GetName()); failed != nil {
			// That befalls no other file.
			_ = d.tally.failed(place, failed)
			continue
		}
		group.Go(func() error { return d.file(working, place, object) })
	}
	// What one of them failed by comes before what followed from that.
	if failed := group.Wait(); failed != nil {
		return failed
	}
	return err
}

// pathOf is where an object belongs below the directory.
func (d *directoryDownload) pathOf(name string) string {
	place := strings.TrimPrefix(name, d.options.Prefix)
	if d.isFolder() {
		place = strings.TrimPrefix(place, "/")
	}
	return place
}

// isFolder tells whether the prefix may be a folder's name that lacks its slash: of what is called
// photos/a, the prefix photos is meant so.
func (d *directoryDownload) isFolder() bool {
	return d.options.Prefix != "" && !strings.HasSuffix(d.options.Prefix, "/")
}

// file fetches one object, unless its bytes are there.
func (d *directoryDownload) file(ctx context.Context, place string, object *pb.StorageObject) error {
	told := d.meter.part(place)
	action, err := d.moved(ctx, place, object, told)
	switch {
	case err == nil && action != "":
		told(object.GetSizeBytes())
		d.tally.did(FileStep{place, action, whyFetched[action], object.GetSizeBytes()})
		return nil
	case err == nil:
		return nil
	}
	if err := ended(ctx); err != nil {
		return err
	}
	told(0)
	return d.tally.failed(place, err)
}

var whyFetched = map[FileAction]string{FileSent: "it is not there", FileSkipped: "the same bytes are there"}

func (d *directoryDownload) moved(ctx context.Context, place string, object *pb.StorageObject, told func(int64)) (FileAction, error) {
	if err := ended(ctx); err != nil {
		return "", err
	}
	isFolder := strings.HasSuffix(place, "/") && object.GetSizeBytes() == 0
	local, err := localPath(place, isFolder)
	if err != nil {
		return "", err
	}
	if isFolder {
		// What stands for a folder, for those who look at it.
		if d.options.DryRun {
			return "", nil
		}
		return "", d.root.MkdirAll(local, 0o777)
	}
	if d.root != nil {
		// Now, so that a dry run tells it, too.
		if _, err := replaced(d.root, local); err != nil {
			return "", err
		}
	}
	d.meter.expect(object.GetSizeBytes())
	switch isThere, err := d.isThere(ctx, local, object); {
	case err != nil:
		return "", err
	case isThere:
		return FileSkipped, nil
	case d.options.DryRun:
		return FileSent, nil
	}
	if err := d.root.MkdirAll(filepath.Dir(local), 0o777); err != nil {
		return "", err
	}
	return FileSent, d.fetch(ctx, local, object, told)
}

// localPath is a path below the directory, in this system's words; an error if it is none.
func localPath(place string, isFolder bool) (string, error) {
	if isFolder {
		place = strings.TrimSuffix(place, "/")
	}
	// It refuses what leads elsewhere than it says: what is absolute, and steps that are empty, . or ..
	local, err := filepath.Localize(place)
	if err != nil || local == "." {
		return "", fmt.Errorf("the name %q is no path below a directory here", place)
	}
	return local, nil
}

// md5Of is that of an object's bytes; empty where it is not told.
func md5Of(object *pb.StorageObject) string {
	if object.GetIsSegmented() || len(object.GetEtag()) != md5.Size*2 {
		return ""
	}
	return object.GetEtag()
}

// isThere tells whether a file has an object's very bytes. An error is of the context.
func (d *directoryDownload) isThere(ctx context.Context, local string, object *pb.StorageObject) (bool, error) {
	if d.root == nil || md5Of(object) == "" {
		return false, nil
	}
	info, err := d.root.Lstat(local)
	if err != nil || !info.Mode().IsRegular() || info.Size() != object.GetSizeBytes() {
		return false, nil
	}
	file, err := d.root.Open(local)
	if err != nil {
		return false, nil
	}
	defer file.Close()
	sum := md5.New()
	from := ofReaderAt(file, 0, info.Size())
	err = from.hashed(ctx, sum)
	return err == nil && hexOf(sum) == md5Of(object), ended(ctx)
}

// unsynced is for files of which there are many: to wait for the disk after each takes longer than
// all the rest, and after a loss of power they are fetched again.
func unsynced(*os.File) error { return nil }

// fetch puts an object's bytes where they belong.
func (d *directoryDownload) fetch(ctx context.Context, local string, object *pb.StorageObject, told func(int64)) error {
	if md5Of(object) != "" {
		isThere, err := d.way.use(ctx, func(ticket *pb.Ticket) error { return d.get(ctx, ticket, local, object, told) })
		if err != nil || isThere {
			return err
		}
		told(0)
	}
	target := Target{func() (*sink, error) { return fileIn(d.root, local, unsynced) }}
	asked := &pb.DownloadStorageObjectRequest{Parent: d.container, NameOrId: object.GetName()}
	counted := OnProgress(func(now Progress) { told(now.SentBytes) })
	// Of what is in segments the listing tells no digest; but it may have been noted.
	sign := func(ctx context.Context) (*pb.Ticket, error) { return d.way.find(ctx, nil), nil }
	_, err := downloadWith(ctx, d.objects.at, d.objects.stub.DownloadStorageObject, target, asked, (*pb.DownloadStorageObjectResponse).GetStorageObject, sign, []grpc.CallOption{counted})
	return err
}

// get fetches one straight from the cloud.
func (d *directoryDownload) get(ctx context.Context, ticket *pb.Ticket, local string, object *pb.StorageObject, told func(int64)) error {
	to, err := fileIn(d.root, local, unsynced)
	if err != nil {
		return err
	}
	defer to.drop()
	told(0)
	sum, came := md5.New(), int64(0)
	of := stretch{name: object.GetName(), etag: object.GetEtag(), end: object.GetSizeBytes()}
	err = d.objects.at.get(ctx, ticket, d.objects.at.tokens.newest.Load(), of, func(some []byte) error {
		_, err := to.Write(some)
		sum.Write(some)
		came += int64(len(some))
		told(came)
		return err
	})
	if err != nil {
		return err
	}
	if hexOf(sum) != md5Of(object) {
		// It may be another object since it was listed; oaktree tells.
		return &barred{why: "it has changed"}
	}
	return to.keep()
}
