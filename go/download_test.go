package oaktree_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

func wants(name string) *pb.DownloadImageRequest { return &pb.DownloadImageRequest{NameOrId: name} }

// of is what a download of this begins with.
func of(content []byte) *pb.DownloadImageResponse {
	return &pb.DownloadImageResponse{Image: image, Content: &pb.DownloadContent{
		SizeBytes: proto.Int64(int64(len(content))), Etag: "tag", Md5: md5Of(content),
	}}
}

// sends are all messages of a download.
func sends(whole, part []byte) []proto.Message {
	messages := []proto.Message{of(whole)}
	for at := 0; at < len(part); at += chunk {
		messages = append(messages, &pb.DownloadImageResponse{Chunk: part[at:min(at+chunk, len(part))]})
	}
	return append(messages, &pb.DownloadImageResponse{Finish: &pb.DownloadFinish{Sha256: sha256Of(part)}})
}

// holds fails unless a folder holds exactly this file.
func holds(t testing.TB, path string, content []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	fine(t, err)
	same(t, string(got), string(content))
	isAlone(t, path)
}

func isAlone(t testing.TB, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	fine(t, err)
	for _, one := range entries {
		if one.Name() != filepath.Base(path) {
			t.Fatalf("%s was left", one.Name())
		}
	}
}

func TestADownloadBecomesAFile(t *testing.T) {
	for _, content := range [][]byte{nil, noise(3*chunk + 7)} {
		ctx, f, client := start(t)
		f.answer("DownloadImage", reply(sends(content, content)...))
		path := filepath.Join(t.TempDir(), "image")
		fine(t, os.WriteFile(path, []byte("before"), 0o600))
		var last oaktree.Progress
		got, err := client.Images.Download(ctx, oaktree.ToFile(path), wants("debian"),
			oaktree.OnProgress(func(p oaktree.Progress) { last = p }))
		fine(t, err)
		same(t, got, image)
		holds(t, path, content)
		size := int64(len(content))
		same(t, last, oaktree.Progress{Name: "debian", SentBytes: size, TotalBytes: size})
	}
}

func TestADownloadGoesOnWhereItWas(t *testing.T) {
	ctx, f, client := start(t)
	content := noise(3 * chunk)
	f.answer("DownloadImage",
		answer{messages: sends(content, content)[:2], err: away},
		reply(sends(content, content[chunk:])...))
	var to bytes.Buffer
	_, err := client.Images.Download(ctx, oaktree.Writer(&to), wants("debian"))
	fine(t, err)
	same(t, to.String(), string(content))
	calls := f.calls("DownloadImage")
	same(t, len(calls), 2)
	same(t, calls[0].request.(*pb.DownloadImageRequest).GetPart(), (*pb.DownloadPart)(nil))
	same(t, calls[1].request.(*pb.DownloadImageRequest).GetPart(), &pb.DownloadPart{OffsetBytes: chunk, IfEtag: "tag"})
}

func TestAPartGoesOnWhereItWas(t *testing.T) {
	ctx, f, client := start(t)
	content := noise(5 * chunk)
	f.answer("DownloadImage",
		answer{messages: sends(content, content[10:2*chunk])[:2], err: away},
		reply(sends(content, content[10+chunk:2*chunk])...))
	request := wants("debian")
	request.Part = &pb.DownloadPart{OffsetBytes: 10, LengthBytes: proto.Int64(2*chunk - 10)}
	var to bytes.Buffer
	_, err := client.Images.Download(ctx, oaktree.Writer(&to), request)
	fine(t, err)
	same(t, to.String(), string(content[10:2*chunk]))
	again := f.calls("DownloadImage")[1].request.(*pb.DownloadImageRequest).GetPart()
	same(t, again, &pb.DownloadPart{OffsetBytes: 10 + chunk, LengthBytes: proto.Int64(chunk - 10), IfEtag: "tag"})
}

func TestWrongDownloadsLeaveNoFile(t *testing.T) {
	content := noise(2 * chunk)
	other := append([]byte{1}, content[1:]...)
	right := sends(content, content)
	for name, one := range map[string]struct {
		answer answer
		kind   error
		reason string
	}{
		"a wrong byte on the way": {reply(right[0], &pb.DownloadImageResponse{Chunk: other}, right[3]), nil, "BYTES_DIFFER"},
		"a wrong byte stored":     {reply(sends(content, other)...), nil, "BYTES_DIFFER"},
		"too few":                 {reply(sends(content, content[:chunk])...), nil, "BYTES_DIFFER"},
		"too many":                {reply(sends(content, append(content, 1))...), nil, "BYTES_DIFFER"},
		"no end":                  {reply(right[:3]...), oaktree.ErrInternal, ""},
		"nothing":                 {reply(), oaktree.ErrInternal, ""},
		"a cloud's error":         {breaks(refusal(codes.Internal, "CLOUD_ERROR", "no"), right[:2]...), nil, "CLOUD_ERROR"},
		"lost for good":           {breaks(away, right[0]), nil, "SHUTTING_DOWN"},
		"other bytes by now":      {breaks(refusal(codes.FailedPrecondition, "CONTENT_CHANGED", "no"), right[:2]...), nil, "CONTENT_CHANGED"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, f, client := start(t)
			f.answer("DownloadImage", one.answer)
			path := filepath.Join(t.TempDir(), "image")
			fine(t, os.WriteFile(path, []byte("before"), 0o600))
			_, err := client.Images.Download(ctx, oaktree.ToFile(path), wants("debian"))
			if one.kind != nil && !errors.Is(err, one.kind) {
				t.Fatal(err)
			}
			failsAs(t, err, one.reason)
			holds(t, path, []byte("before"))
		})
	}
}

func TestWhereNoDownloadCanGo(t *testing.T) {
	ctx, f, client := start(t)
	folder := t.TempDir()
	for path, want := range map[string]error{
		filepath.Join(folder, "none", "file"): fs.ErrNotExist,
		folder:                                nil,
		folder + "/":                          nil,
		"/dev/null":                           nil,
		"":                                    nil,
	} {
		_, err := client.Images.Download(ctx, oaktree.ToFile(path), wants("debian"))
		if err == nil || want != nil && !errors.Is(err, want) {
			t.Fatalf("%q: %v", path, err)
		}
	}
	same(t, len(f.calls("DownloadImage")), 0)
}

// full is a disk with no room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errNoSpace }

var errNoSpace = errors.New("no space left on device")

func TestAFullDiskEndsADownload(t *testing.T) {
	ctx, f, client := start(t)
	content := noise(2 * chunk)
	f.answer("DownloadImage", reply(sends(content, content)...))
	_, err := client.Images.Download(ctx, oaktree.Writer(full{}), wants("debian"))
	if !errors.Is(err, errNoSpace) {
		t.Fatal(err)
	}
	f.onlyCall("DownloadImage")
}

func TestACancelledDownloadLeavesNoFile(t *testing.T) {
	ctx, f, client := start(t)
	ctx, cancel := context.WithCancel(ctx)
	content := noise(2 * chunk)
	f.answer("DownloadImage", endless(sends(content, content)[:2]...))
	path := filepath.Join(t.TempDir(), "image")
	_, err := client.Images.Download(ctx, oaktree.ToFile(path), wants("debian"),
		oaktree.OnProgress(func(oaktree.Progress) { cancel() }))
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	isAlone(t, path)
	ends(t, f.onlyCall("DownloadImage"))
}
