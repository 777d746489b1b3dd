package oaktree_test

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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

// finishOf is the end of a download, as a real oaktree says it: without a digest where content has one
// that the caller compares.
func finishOf(asked *pb.DownloadPart, content *pb.DownloadContent, sent []byte) *pb.DownloadFinish {
	if asked.GetChecksContent() && content.GetSha256()+content.GetSha512()+content.GetMd5() != "" {
		return &pb.DownloadFinish{}
	}
	return &pb.DownloadFinish{Sha256: sha256Of(sent)}
}

// sendsOf are all messages of a download that begins with this.
func sendsOf(asked *pb.DownloadPart, first *pb.DownloadImageResponse, part []byte) []proto.Message {
	messages := []proto.Message{first}
	for at := 0; at < len(part); at += chunk {
		messages = append(messages, &pb.DownloadImageResponse{Chunk: part[at:min(at+chunk, len(part))]})
	}
	return append(messages, &pb.DownloadImageResponse{Finish: finishOf(asked, first.GetContent(), part)})
}

// sends are those of one whose caller compares the whole.
func sends(whole, part []byte) []proto.Message {
	return sendsOf(&pb.DownloadPart{ChecksContent: true}, of(whole), part)
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
	same(t, partOf(calls[0]), &pb.DownloadPart{ChecksContent: true})
	same(t, partOf(calls[1]), &pb.DownloadPart{OffsetBytes: chunk, IfEtag: "tag", ChecksContent: true})
}

// What is lost before its first byte may be replaced until it is asked for again.
func TestADownloadThatBroughtNothingBeginsAnew(t *testing.T) {
	now := noise(2*chunk + 1)
	told, untold := of(now), of(now)
	untold.Content.Md5 = ""
	for name, one := range map[string]struct {
		before *pb.DownloadContent
		after  *pb.DownloadImageResponse
	}{
		"another length":  {&pb.DownloadContent{SizeBytes: proto.Int64(1), Etag: "other", Md5: md5Of(nil)}, told},
		"a better digest": {&pb.DownloadContent{Etag: "other", Sha256: sha256Of(nil)}, told},
		"no digest":       {&pb.DownloadContent{Etag: "other"}, told},
		"no digest later": {&pb.DownloadContent{Etag: "other", Md5: md5Of(nil)}, untold},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, f, client := start(t)
			old := &pb.DownloadImageResponse{Image: &pb.Image{Name: "old"}, Content: one.before}
			asked := &pb.DownloadPart{ChecksContent: true}
			f.answer("DownloadImage", breaks(away, old), reply(sendsOf(asked, one.after, now)...))
			var to bytes.Buffer
			var last oaktree.Progress
			got, err := client.Images.Download(ctx, oaktree.Writer(&to), wants("debian"),
				oaktree.OnProgress(func(p oaktree.Progress) { last = p }))
			fine(t, err)
			same(t, got, image)
			same(t, to.String(), string(now))
			size := int64(len(now))
			same(t, last, oaktree.Progress{Name: "debian", SentBytes: size, TotalBytes: size})
			for _, call := range f.calls("DownloadImage") {
				same(t, partOf(call), asked)
			}
		})
	}
}

func partOf(one call) *pb.DownloadPart { return one.request.(*pb.DownloadImageRequest).GetPart() }

func TestAPartGoesOnWhereItWas(t *testing.T) {
	ctx, f, client := start(t)
	content := noise(5 * chunk)
	f.answer("DownloadImage",
		answer{messages: sends(content, content[10:2*chunk])[:2], err: away},
		reply(sendsOf(nil, of(content), content[10+chunk:2*chunk])...))
	request := wants("debian")
	// Nothing that is told could be compared with a part.
	request.Part = &pb.DownloadPart{OffsetBytes: 10, LengthBytes: proto.Int64(2*chunk - 10), ChecksContent: true}
	var to bytes.Buffer
	_, err := client.Images.Download(ctx, oaktree.Writer(&to), request)
	fine(t, err)
	same(t, to.String(), string(content[10:2*chunk]))
	calls := f.calls("DownloadImage")
	same(t, partOf(calls[0]), &pb.DownloadPart{OffsetBytes: 10, LengthBytes: proto.Int64(2*chunk - 10)})
	same(t, partOf(calls[1]), &pb.DownloadPart{OffsetBytes: 10 + chunk, LengthBytes: proto.Int64(chunk - 10), IfEtag: "tag"})
}

func sha512Of(content []byte) string {
	sum := sha512.Sum512(content)
	return hex.EncodeToString(sum[:])
}

func TestADownloadIsComparedWithOneDigestThatIsTold(t *testing.T) {
	content := noise(2*chunk + 1)
	other := sha256Of(nil)
	for name, one := range map[string]struct {
		told   *pb.DownloadContent
		reason string
	}{
		"SHA-256":                   {&pb.DownloadContent{Sha256: sha256Of(content)}, ""},
		"SHA-512":                   {&pb.DownloadContent{Sha512: sha512Of(content)}, ""},
		"MD5":                       {&pb.DownloadContent{Md5: md5Of(content)}, ""},
		"in capitals":               {&pb.DownloadContent{Md5: strings.ToUpper(md5Of(content))}, ""},
		"SHA-256 before the others": {&pb.DownloadContent{Sha256: sha256Of(content), Sha512: other, Md5: other}, ""},
		"SHA-512 before MD5":        {&pb.DownloadContent{Sha512: sha512Of(content), Md5: other}, ""},
		"another SHA-256":           {&pb.DownloadContent{Sha256: other, Sha512: sha512Of(content), Md5: md5Of(content)}, "BYTES_DIFFER"},
		"another SHA-512":           {&pb.DownloadContent{Sha512: other, Md5: md5Of(content)}, "BYTES_DIFFER"},
		"another MD5":               {&pb.DownloadContent{Md5: other}, "BYTES_DIFFER"},
		"none":                      {&pb.DownloadContent{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, f, client := start(t)
			one.told.SizeBytes = proto.Int64(int64(len(content)))
			f.answer("DownloadImage", answer{choose: func(request proto.Message) answer {
				asked := request.(*pb.DownloadImageRequest).GetPart()
				return reply(sendsOf(asked, &pb.DownloadImageResponse{Image: image, Content: one.told}, content)...)
			}})
			path := filepath.Join(t.TempDir(), "image")
			_, err := client.Images.Download(ctx, oaktree.ToFile(path), wants("debian"))
			same(t, partOf(f.onlyCall("DownloadImage")), &pb.DownloadPart{ChecksContent: true})
			if one.reason == "" {
				fine(t, err)
				holds(t, path, content)
				return
			}
			failsAs(t, err, one.reason)
			isAlone(t, path)
			if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		})
	}
}

// What is told of the bytes only after they were lost once is not looked at; so it is not promised.
func TestWithoutADigestADownloadIsComparedWithWhatWasSent(t *testing.T) {
	ctx, f, client := start(t)
	content := noise(3 * chunk)
	untold := of(content)
	untold.Content.Md5 = ""
	broken := answer{messages: sendsOf(nil, untold, content)[:2], err: away}
	f.answer("DownloadImage", broken, answer{choose: func(request proto.Message) answer {
		return reply(sendsOf(request.(*pb.DownloadImageRequest).GetPart(), of(content), content[chunk:])...)
	}})
	var to bytes.Buffer
	_, err := client.Images.Download(ctx, oaktree.Writer(&to), wants("debian"))
	fine(t, err)
	same(t, to.String(), string(content))
	calls := f.calls("DownloadImage")
	same(t, partOf(calls[0]), &pb.DownloadPart{ChecksContent: true})
	same(t, partOf(calls[1]), &pb.DownloadPart{OffsetBytes: chunk, IfEtag: "tag"})
}

func TestWrongDownloadsLeaveNoFile(t *testing.T) {
	content := noise(2 * chunk)
	other := append([]byte{1}, content[1:]...)
	right := sends(content, content)
	untold := of(content)
	untold.Content.Md5 = ""
	without := sendsOf(nil, untold, content)
	for name, one := range map[string]struct {
		answer answer
		kind   error
		reason string
	}{
		"a wrong byte":            {reply(sends(content, other)...), nil, "BYTES_DIFFER"},
		"a wrong byte on the way": {reply(untold, &pb.DownloadImageResponse{Chunk: other}, without[3]), nil, "BYTES_DIFFER"},
		"no digest at all":        {reply(append(without[:3:3], right[3])...), nil, "BYTES_DIFFER"},
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
