package oaktree_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// tree is a folder with these files in it.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for path, content := range files {
		place := filepath.Join(folder, filepath.FromSlash(path))
		fine(t, os.MkdirAll(filepath.Dir(place), 0o700))
		fine(t, os.WriteFile(place, []byte(content), 0o600))
	}
	return folder
}

// contents are the files in a folder.
func contents(t testing.TB, folder string) map[string]string {
	t.Helper()
	made := map[string]string{}
	fine(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		below, _ := filepath.Rel(folder, path)
		made[filepath.ToSlash(below)] = string(content)
		return err
	}))
	return made
}

// are fails unless these files are there and no others.
func are[C string | []byte](t testing.TB, got map[string]C, want map[string]string) {
	t.Helper()
	told := func(names []string) string { slices.Sort(names); return fmt.Sprintf("%q", names) }
	var there, wanted []string
	for name, content := range got {
		there = append(there, name)
		if expected, ok := want[name]; ok && string(content) != expected {
			t.Errorf("%s holds %.100q, and not %.100q", name, string(content), expected)
		}
	}
	for name := range want {
		wanted = append(wanted, name)
	}
	same(t, told(there), told(wanted))
}

// withStore is a store, and a client of it.
func withStore(t testing.TB) (context.Context, *store, *oaktree.Client) {
	t.Helper()
	ctx, f, client := start(t)
	return ctx, newStore(f), client
}

func counts(result *oaktree.DirectoryResult) string {
	return fmt.Sprintf("sent %d (%d bytes), skipped %d, deleted %d, failed %d, left out %q",
		result.Sent, result.SentBytes, result.Skipped, result.Deleted, len(result.Failed), result.LeftOut)
}

// files are some whose order by their paths is not that of their folders.
func files() map[string]string {
	return map[string]string{
		"a-b": "", "a/b-c": "4444", "a/b/c": "55555", "a.b": "666666", "ü/?#% \n": "7", "big": string(noise(2*chunk + 1)),
	}
}

func prefixed(files map[string]string, prefix string) map[string]string {
	made := map[string]string{}
	for path, content := range files {
		made[prefix+path] = content
	}
	return made
}

func TestADirectoryIsUploaded(t *testing.T) {
	for name, isStraight := range map[string]bool{"straight": true, "through oaktree": false} {
		t.Run(name, func(t *testing.T) {
			ctx, s, client := withStore(t)
			if isStraight {
				s.straightTo(t)
			}
			folder := tree(t, files())
			var last oaktree.Progress
			steps := map[string]oaktree.FileAction{}
			options := oaktree.UploadDirectoryOptions{
				Prefix:     "p/",
				OnProgress: func(p oaktree.Progress) { last = p },
				OnStep:     func(step oaktree.FileStep) { steps[step.Path] = step.Action },
			}
			result, err := oaktree.UploadDirectory(ctx, client.Scope, folder, "c", options)
			fine(t, err)
			are(t, s.all(), prefixed(files(), "p/"))
			same(t, result.Sent, len(files()))
			same(t, last.SentBytes, last.TotalBytes)
			same(t, last.SentBytes, result.SentBytes)
			same(t, len(steps), len(files()))
			if isStraight {
				same(t, len(s.sent), 0)
				same(t, s.signs, 1)
				headers := s.cloud.headers["/c/p/a.b"]
				same(t, headers.Get("Etag"), md5Of([]byte("666666")))
				same(t, headers.Get("X-Object-Meta-Oaktree-Sha256"), sha256Of([]byte("666666")))
				info, err := os.Stat(filepath.Join(folder, "a.b"))
				fine(t, err)
				same(t, headers.Get("X-Object-Meta-Mtime"), fmt.Sprintf("%d.%09d", info.ModTime().Unix(), info.ModTime().Nanosecond()))
				for name, content := range s.all() {
					s.objects[name] = content
				}
			}
			result, err = oaktree.UploadDirectory(ctx, client.Scope, folder, "c", options)
			fine(t, err)
			same(t, counts(result), fmt.Sprintf("sent 0 (0 bytes), skipped %d, deleted 0, failed 0, left out []", len(files())))
		})
	}
}

func TestLargeFilesOfADirectoryGoInSegments(t *testing.T) {
	ctx, s, client := withStore(t)
	s.segmentBytes = chunk
	folder := tree(t, files())
	_, err := oaktree.UploadDirectory(ctx, client.Scope, folder, "c", oaktree.UploadDirectoryOptions{})
	fine(t, err)
	are(t, s.all(), files())
	same(t, len(s.commits), 1)
	result, err := oaktree.UploadDirectory(ctx, client.Scope, folder, "c", oaktree.UploadDirectoryOptions{})
	fine(t, err)
	same(t, result.Skipped, len(files()))
}

func TestWhatIsExtraIsDeletedWhenAskedFor(t *testing.T) {
	ctx, s, client := withStore(t)
	folder := tree(t, map[string]string{"a": "1", "skipped.o": ""})
	there := map[string]string{"p/a": "1", "p/gone": "2", "p/z/gone": "3", "p/kept.o": "4", "q": "5"}
	for name, content := range there {
		s.put(name, []byte(content))
	}
	options := oaktree.UploadDirectoryOptions{Prefix: "p/", Ignore: []string{"*.o"}}
	_, err := oaktree.UploadDirectory(ctx, client.Scope, folder, "c", options)
	fine(t, err)
	are(t, s.all(), there)
	options.DeleteExtra, options.DryRun = true, true
	result, err := oaktree.UploadDirectory(ctx, client.Scope, folder, "c", options)
	fine(t, err)
	same(t, result.Deleted, 2)
	are(t, s.all(), there)
	options.DryRun = false
	result, err = oaktree.UploadDirectory(ctx, client.Scope, folder, "c", options)
	fine(t, err)
	same(t, counts(result), "sent 0 (0 bytes), skipped 1, deleted 2, failed 0, left out []")
	are(t, s.all(), map[string]string{"p/a": "1", "p/kept.o": "4", "q": "5"})
}

func TestADryRunSendsNothing(t *testing.T) {
	ctx, s, client := withStore(t)
	s.segmentBytes = chunk
	result, err := oaktree.UploadDirectory(ctx, client.Scope, tree(t, files()), "c", oaktree.UploadDirectoryOptions{DryRun: true})
	fine(t, err)
	same(t, result.Sent, len(files()))
	same(t, len(s.all()), 0)
	same(t, s.signs, 0)
}

func TestManyFilesArePlannedInBatches(t *testing.T) {
	ctx, s, client := withStore(t)
	many := map[string]string{}
	for i := range 5003 {
		many[fmt.Sprintf("d%d/%d", i%7, i)] = ""
	}
	for name := range many {
		s.put(name, nil)
	}
	s.put("d9", nil)
	s.put("d3/0", nil)
	result, err := oaktree.UploadDirectory(ctx, client.Scope, tree(t, many), "c", oaktree.UploadDirectoryOptions{DeleteExtra: true})
	fine(t, err)
	same(t, counts(result), "sent 0 (0 bytes), skipped 5003, deleted 2, failed 0, left out []")
	are(t, s.all(), many)
	var asked int
	for _, plan := range s.plans {
		if plan.GetFindsExtra() {
			asked++
			same(t, plan.GetIsLast(), asked == 2)
		}
	}
	same(t, asked, 2)
}

func TestWhatIsNoFileIsLeftOut(t *testing.T) {
	ctx, s, client := withStore(t)
	elsewhere := tree(t, map[string]string{"inner": "1"})
	folder := tree(t, map[string]string{"file": "2"})
	fine(t, os.Symlink(filepath.Join(elsewhere, "inner"), filepath.Join(folder, "link")))
	fine(t, os.Symlink(elsewhere, filepath.Join(folder, "linked")))
	fine(t, os.Symlink(folder, filepath.Join(folder, "loop")))
	socket, err := net.Listen("unix", filepath.Join(folder, "socket"))
	fine(t, err)
	defer socket.Close()
	s.put("linked/inner", []byte("1"))
	options := oaktree.UploadDirectoryOptions{DeleteExtra: true}
	result, err := oaktree.UploadDirectory(ctx, client.Scope, folder, "c", options)
	fine(t, err)
	same(t, counts(result), `sent 1 (1 bytes), skipped 0, deleted 0, failed 0, left out ["link" "linked" "loop" "socket"]`)
	options.FollowSymlinks = true
	result, err = oaktree.UploadDirectory(ctx, client.Scope, folder, "c", options)
	fine(t, err)
	same(t, counts(result), `sent 1 (1 bytes), skipped 2, deleted 0, failed 0, left out ["loop" "socket"]`)
	are(t, s.all(), map[string]string{"file": "2", "link": "1", "linked/inner": "1"})
}

func TestFilesThatFailAreToldAndTheOthersSent(t *testing.T) {
	ctx, f, client := start(t)
	s := newStore(f)
	folder := tree(t, map[string]string{"a": "1", "b": "2", "c": "3"})
	fine(t, os.Symlink("nowhere", filepath.Join(folder, "d")))
	fine(t, os.WriteFile(filepath.Join(folder, "\xff"), nil, 0o600))
	s.put("gone", []byte("4"))
	// One vanishes between the plan and its turn.
	f.answer("PlanStorageObjectUploads", answer{choose: func(request proto.Message) answer {
		_ = os.Remove(filepath.Join(folder, "b"))
		return s.plan(request.(*pb.PlanStorageObjectUploadsRequest))
	}})
	f.answer("UploadStorageObject", answer{serve: func(stream grpc.ServerStream, first proto.Message) error {
		if first.(*pb.UploadStorageObjectRequest).GetName() == "c" {
			return refusal(codes.InvalidArgument, "INVALID_ARGUMENT", "not this one")
		}
		return s.upload(stream, first)
	}})
	result, err := oaktree.UploadDirectory(ctx, client.Scope, folder, "c", oaktree.UploadDirectoryOptions{FollowSymlinks: true, DeleteExtra: true})
	var failed *oaktree.FilesFailed
	if !errors.As(err, &failed) {
		t.Fatal(err)
	}
	told := map[string]error{}
	for _, one := range result.Failed {
		told[one.Path] = one
	}
	if len(told) != 5 || !errors.Is(told["b"], fs.ErrNotExist) || !errors.Is(told["c"], oaktree.ErrInvalidArgument) ||
		!errors.Is(told["d"], fs.ErrNotExist) || told["\uFFFD"] == nil || told[""] == nil {
		t.Fatal(told)
	}
	are(t, s.all(), map[string]string{"a": "1", "gone": "4"})
	same(t, result.Sent, 1)
}

func TestWhatBefallsEveryFileEndsAnUpload(t *testing.T) {
	ctx, f, client := start(t)
	newStore(f)
	f.answer("UploadStorageObject", breaks(refusal(codes.ResourceExhausted, "QUOTA_EXCEEDED", "no more")))
	_, err := oaktree.UploadDirectory(ctx, client.Scope, tree(t, files()), "c", oaktree.UploadDirectoryOptions{})
	if !errors.Is(err, oaktree.ErrQuotaExceeded) {
		t.Fatal(err)
	}
	f.answer("PlanStorageObjectUploads", breaks(refusal(codes.NotFound, "NOT_FOUND", "no such container")))
	_, err = oaktree.UploadDirectory(ctx, client.Scope, tree(t, files()), "c", oaktree.UploadDirectoryOptions{})
	if !errors.Is(err, oaktree.ErrNotFound) {
		t.Fatal(err)
	}
}

func TestDirectoriesThatCannotBe(t *testing.T) {
	ctx, _, client := withStore(t)
	file := written(t, nil)
	for _, directory := range []string{filepath.Join(file, "none"), file, ""} {
		if _, err := oaktree.UploadDirectory(ctx, client.Scope, directory, "c", oaktree.UploadDirectoryOptions{}); err == nil {
			t.Errorf("%q was uploaded", directory)
		}
		if _, err := oaktree.DownloadDirectory(ctx, client.Scope, "c", directory, oaktree.DownloadDirectoryOptions{}); err == nil {
			t.Errorf("%q was downloaded", directory)
		}
	}
	for _, options := range []oaktree.UploadDirectoryOptions{{Ignore: []string{"["}}, {Parallel: -1}} {
		_, err := oaktree.UploadDirectory(ctx, client.Scope, t.TempDir(), "c", options)
		if !errors.Is(err, oaktree.ErrInvalidArgument) {
			t.Error(err)
		}
	}
}

func TestAnUploadOfADirectoryIsCancelled(t *testing.T) {
	ctx, f, client := start(t)
	s := newStore(f)
	ctx, cancel := context.WithCancel(ctx)
	f.answer("UploadStorageObject", answer{serve: func(stream grpc.ServerStream, _ proto.Message) error {
		cancel()
		<-stream.Context().Done()
		return stream.Context().Err()
	}})
	_, err := oaktree.UploadDirectory(ctx, client.Scope, tree(t, files()), "c", oaktree.UploadDirectoryOptions{DeleteExtra: true})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	same(t, len(s.all()), 0)
}
