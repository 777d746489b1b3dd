package oaktree

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

const (
	// How many files a plan may be asked of at a time, and how many bytes a message may hold.
	batchFiles = 5000
	batchBytes = 640 << 10
	// What a file takes in it beside its path.
	entryBytes = 64
	// How many objects are deleted at a time, and how long that may take.
	deleteBatch = 1000
	deleteLimit = 10 * time.Minute
)

// UploadDirectoryOptions say how to upload a directory. The zero value will do.
type UploadDirectoryOptions struct {
	// What to put before the files' paths to make the objects' names, such as "photos/".
	Prefix string
	// Whether to delete objects whose names begin with the prefix and that no file is of. Those that
	// Ignore means are kept, and all are where not all of the directory could be read.
	DeleteExtra bool
	// Whether to change nothing, and only tell.
	DryRun bool
	// Which files and directories to leave out, in the words of .gitignore.
	Ignore []string
	// Whether to upload what symbolic links lead to. Else they are left out, and told in the result.
	FollowSymlinks bool
	// How many files to send at a time; 0: ten.
	Parallel int
	// Called with how far it is, by one goroutine at a time.
	OnProgress func(Progress)
	// Called with what was done with each file, by one goroutine at a time.
	OnStep func(FileStep)
}

// UploadDirectory makes a container have the files of a directory. What it has already, by size and
// MD5, is not sent again: so whatever broke off goes on when it is called again.
//
// A file that cannot be read, vanishes, changes while it is read or has a name that no object may have
// is told in the result, and the others are sent nevertheless: the error is a *[FilesFailed] then. Any
// other error is of what would befall every file: the directory cannot be read, there is no such
// container, oaktree or the cloud cannot be reached, a quota is used up, and so on. The result says
// what was done by then.
func UploadDirectory(ctx context.Context, scope *Scope, directory, container string, options UploadDirectoryOptions) (*DirectoryResult, error) {
	ctx, leave := scope.at.whileOpen(ctx)
	defer leave()
	d := &directoryUpload{
		objects: scope.StorageObjects, container: container, options: options,
		tally: &tally{onStep: options.OnStep},
		meter: newMeter(options.OnProgress, "", 0),
		way:   newSigned(scope.StorageObjects, nil, container, options.Prefix, true),
	}
	parallel, err := within(options.Parallel)
	if err != nil {
		return d.tally.end(err)
	}
	left, err := newIgnored(options.Ignore)
	if err != nil {
		return d.tally.end(err)
	}
	d.parallel = parallel
	d.scan = &scan{directory: directory, ignored: left, follows: options.FollowSymlinks, tally: d.tally}
	return d.tally.end(d.all(ctx))
}

type directoryUpload struct {
	objects   StorageObjects
	container string
	options   UploadDirectoryOptions
	parallel  int
	scan      *scan
	tally     *tally
	meter     *meter
	way       *signed
	// The paths of objects that no file is of.
	extra []string
}

func (d *directoryUpload) all(ctx context.Context) error {
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(d.parallel)
	err := d.eachBatch(working, func(batch []found, after string, isLast bool) error {
		return d.batch(working, group, batch, after, isLast)
	})
	// What one of them failed by comes before what followed from that.
	if failed := group.Wait(); failed != nil {
		err = failed
	}
	if err != nil {
		return err
	}
	return d.deleteExtra(ctx)
}

// eachBatch hands over the files, some thousand at a time, and at least once.
func (d *directoryUpload) eachBatch(ctx context.Context, do func(batch []found, after string, isLast bool) error) error {
	var batch []found
	after, size := "", 0
	for one, err := range d.scan.files() {
		if err == nil {
			err = ended(ctx)
		}
		if err != nil {
			return err
		}
		more := len(one.path) + entryBytes
		if len(batch) == batchFiles || size+more > batchBytes && len(batch) > 0 {
			if err := do(batch, after, false); err != nil {
				return err
			}
			after, batch, size = batch[len(batch)-1].path, nil, 0
		}
		batch, size = append(batch, one), size+more
	}
	return do(batch, after, true)
}

func (d *directoryUpload) planOf(entries []*pb.UploadEntry) *pb.PlanStorageObjectUploadsRequest {
	return &pb.PlanStorageObjectUploadsRequest{Parent: d.container, Prefix: d.options.Prefix, Entries: entries}
}

// batch asks what is to be done with some files, and has it done.
func (d *directoryUpload) batch(ctx context.Context, group *errgroup.Group, batch []found, after string, isLast bool) error {
	sizes := map[string]int64{}
	var entries []*pb.UploadEntry
	for _, one := range batch {
		sizes[one.path] = one.size
		entries = append(entries, &pb.UploadEntry{Path: one.path, SizeBytes: one.size})
	}
	asked := d.planOf(entries)
	asked.After, asked.FindsExtra, asked.IsLast = after, d.options.DeleteExtra, isLast
	steps, err := d.objects.plan(ctx, asked)
	if err != nil {
		return err
	}
	if steps, err = d.compared(ctx, steps, sizes); err != nil {
		return err
	}
	for _, step := range steps {
		size, isFile := sizes[step.GetPath()]
		switch {
		case step.GetAction() == pb.UploadAction_UPLOAD_ACTION_DELETE:
			d.extra = append(d.extra, step.GetPath())
		case !isFile:
			return fault("the server planned something else than was asked for")
		case step.GetAction() == pb.UploadAction_UPLOAD_ACTION_SKIP:
			d.tally.did(FileStep{step.GetPath(), FileSkipped, step.GetWhy(), size})
		default:
			d.meter.expect(size)
			group.Go(func() error { return d.file(ctx, step) })
		}
	}
	return ended(ctx)
}

// compared are the steps, with those asked for again that want a checksum. Those in segments are not:
// each of them is asked for again by itself.
func (d *directoryUpload) compared(ctx context.Context, steps []*pb.UploadStep, sizes map[string]int64) ([]*pb.UploadStep, error) {
	var wanting []*pb.UploadEntry
	at := map[string]int{}
	for i, step := range steps {
		if step.GetAction() == pb.UploadAction_UPLOAD_ACTION_NEED_CHECKSUM && step.GetSegments() == nil {
			at[step.GetPath()] = i
			wanting = append(wanting, &pb.UploadEntry{Path: step.GetPath(), SizeBytes: sizes[step.GetPath()]})
		}
	}
	if wanting == nil {
		return steps, nil
	}
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(d.parallel)
	for _, entry := range wanting {
		group.Go(func() error {
			err := d.opened(entry.GetPath(), func(from *content) error {
				return checksums(working, entry, steps[at[entry.GetPath()]], from)
			})
			if err != nil {
				entry.Md5 = ""
				return d.tally.failed(entry.GetPath(), err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var known []*pb.UploadEntry
	for _, entry := range wanting {
		if entry.GetMd5() != "" {
			known = append(known, entry)
		}
	}
	if known != nil {
		again, err := d.objects.plan(ctx, d.planOf(known))
		if err != nil {
			return nil, err
		}
		for _, step := range again {
			if i, ok := at[step.GetPath()]; ok {
				steps[i] = step
				delete(at, step.GetPath())
			}
		}
	}
	var left []*pb.UploadStep
	for _, step := range steps {
		// Those that failed are told already.
		if _, isWanting := at[step.GetPath()]; !isWanting {
			left = append(left, step)
		}
	}
	return left, nil
}

// deleteExtra deletes the objects that no file is of.
func (d *directoryUpload) deleteExtra(ctx context.Context) error {
	var paths []string
	for _, path := range d.extra {
		if !d.scan.isLeftOut(path) {
			paths = append(paths, path)
		}
	}
	if paths != nil && d.scan.isIncomplete {
		// What is behind what could not be read would look as if it were gone.
		return d.tally.failed("", errors.New("nothing was deleted, since not all of the directory could be read"))
	}
	for len(paths) > 0 {
		some := paths[:min(deleteBatch, len(paths))]
		paths = paths[len(some):]
		if err := d.delete(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

func (d *directoryUpload) delete(ctx context.Context, paths []string) error {
	isGone := map[string]bool{}
	if !d.options.DryRun {
		asked := &pb.DeleteManyStorageObjectsRequest{Parent: d.container}
		for _, path := range paths {
			asked.Names = append(asked.Names, d.options.Prefix+path)
		}
		response, err := unary(ctx, d.objects.at, d.objects.stub.DeleteManyStorageObjects, asked, deleteLimit, nil)
		var partial *PartialFailure
		if errors.As(err, &partial) {
			for _, one := range partial.Failures {
				if err := d.tally.failed("", one); err != nil {
					return err
				}
			}
		} else if err != nil {
			return err
		}
		for _, one := range response.GetStorageObjects() {
			isGone[one.GetName()] = true
		}
	}
	for _, path := range paths {
		if d.options.DryRun || isGone[d.options.Prefix+path] {
			d.tally.did(FileStep{Path: path, Action: FileDeleted, Why: "no file is of this name"})
		}
	}
	return nil
}
