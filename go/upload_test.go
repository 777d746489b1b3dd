package oaktree_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

const chunk = 256 << 10

func debian() *pb.UploadImageRequest { return &pb.UploadImageRequest{Name: "debian"} }

func TestASmallUploadIsOneMessage(t *testing.T) {
	for _, content := range [][]byte{nil, []byte("a few"), noise(chunk)} {
		ctx, f, client := start(t)
		came := images(f, 1)[0]
		got, err := client.Images.Upload(ctx, oaktree.Bytes(content), debian())
		fine(t, err)
		same(t, got, image)
		same(t, len(came.all(t).sizes), 1)
		same(t, came.all(t).bytes.String(), string(content))
		same(t, came.finish.GetSha256(), sha256Of(content))
		same(t, came.finish.GetMd5(), md5Of(content))
		seen := f.onlyCall("UploadImage")
		asked := seen.request.(*pb.UploadImageRequest)
		same(t, asked.GetName(), "debian")
		same(t, asked.GetContent(), &pb.UploadContent{
			SizeBytes: proto.Int64(int64(len(content))), Sha256: sha256Of(content), Md5: md5Of(content), PromisesMd5: true,
		})
		if asked.GetRequestId() == "" || strings.Join(seen.metadata.Get("oaktree-request-id"), " ") != "new" {
			t.Fatal(asked, seen.metadata)
		}
	}
}

func TestALargeUploadGoesInChunks(t *testing.T) {
	ctx, f, client := start(t)
	came := images(f, 1)[0]
	content := noise(3*chunk + 1)
	request := debian()
	var told []oaktree.Progress
	got, err := client.Images.Upload(ctx, oaktree.File(written(t, content)), request,
		oaktree.OnProgress(func(p oaktree.Progress) { told = append(told, p) }))
	fine(t, err)
	same(t, got, image)
	same(t, request, debian())
	same(t, came.all(t).bytes.String(), string(content))
	same(t, came.finish.GetSha256(), sha256Of(content))
	for i, size := range came.sizes {
		same(t, size, []int{chunk, chunk, chunk, 1}[i])
	}
	last := told[len(told)-1]
	same(t, last, oaktree.Progress{Name: "debian", SentBytes: int64(len(content)), TotalBytes: int64(len(content))})
	for i, one := range told {
		if i > 0 && one.SentBytes < told[i-1].SentBytes {
			t.Fatal(told)
		}
	}
}

// plain hides everything of a reader but that it can be read.
type plain struct{ io.Reader }

// seekable is a reader that cannot be read at an offset.
type seekable struct{ from *bytes.Reader }

func (s seekable) Read(into []byte) (int, error)          { return s.from.Read(into) }
func (s seekable) Seek(at int64, from int) (int64, error) { return s.from.Seek(at, from) }

func TestSources(t *testing.T) {
	content := noise(chunk + 100)
	file, err := os.Open(written(t, content))
	fine(t, err)
	defer file.Close()
	_, err = file.Seek(10, io.SeekStart)
	fine(t, err)
	read, write, err := os.Pipe()
	fine(t, err)
	defer read.Close()
	go func() {
		defer write.Close()
		_, _ = write.Write(content)
	}()
	skipped := bytes.NewReader(content)
	_, err = skipped.Seek(10, io.SeekStart)
	fine(t, err)
	for name, one := range map[string]struct {
		source oaktree.Source
		want   []byte
	}{
		"open file":       {oaktree.OpenFile(file), content[10:]},
		"pipe":            {oaktree.OpenFile(read), content},
		"reader":          {oaktree.Reader(plain{bytes.NewReader(content)}, int64(len(content))), content},
		"of unknown size": {oaktree.Reader(plain{bytes.NewReader(content)}, -1), content},
		"read at":         {oaktree.Reader(skipped, -1), content[10:]},
		"seeker":          {oaktree.Reader(seekable{bytes.NewReader(content)}, -1), content},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, f, client := start(t)
			came := images(f, 1)[0]
			_, err := client.Images.Upload(ctx, one.source, debian())
			fine(t, err)
			same(t, came.all(t).bytes.String(), string(one.want))
		})
	}
	at, err := file.Seek(0, io.SeekCurrent)
	fine(t, err)
	same(t, at, 10)
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "oaktree-upload-*"))
	fine(t, err)
	same(t, len(left), 0)
}

func TestWhatCannotBeRead(t *testing.T) {
	ctx, f, client := start(t)
	images(f, 1)
	broken := errors.New("broken")
	folder := t.TempDir()
	for name, one := range map[string]struct {
		source oaktree.Source
		want   error
	}{
		"no file":      {oaktree.File(filepath.Join(folder, "none")), fs.ErrNotExist},
		"a folder":     {oaktree.File(folder), nil},
		"no size":      {oaktree.Reader(io.MultiReader(bytes.NewReader(noise(10)), failing{broken}), -1), broken},
		"wrong size":   {oaktree.Reader(bytes.NewReader(noise(10)), 11), oaktree.ErrSourceChanged},
		"a closed one": {oaktree.OpenFile(closed(t)), os.ErrClosed},
	} {
		_, err := client.Images.Upload(ctx, one.source, debian())
		if err == nil || one.want != nil && !errors.Is(err, one.want) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	promised := debian()
	promised.Content = &pb.UploadContent{SizeBytes: proto.Int64(9)}
	if _, err := client.Images.Upload(ctx, oaktree.Bytes(noise(10)), promised); !errors.Is(err, oaktree.ErrSourceChanged) {
		t.Fatal(err)
	}
	same(t, len(f.calls("UploadImage")), 0)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func closed(t *testing.T) *os.File {
	file, err := os.Open(written(t, nil))
	fine(t, err)
	fine(t, file.Close())
	return file
}

func TestWhatChangesMeanwhileIsNotKept(t *testing.T) {
	content := noise(40 * chunk)
	path := written(t, content)
	for name, one := range map[string]struct {
		source oaktree.Source
		change func() error
	}{
		"more":              {oaktree.File(path), func() error { return os.WriteFile(path, noise(41*chunk), 0o600) }},
		"less":              {oaktree.File(path), func() error { return os.Truncate(path, chunk) }},
		"longer than said":  {oaktree.Reader(plain{bytes.NewReader(content)}, 39*chunk), nil},
		"shorter than said": {oaktree.Reader(plain{bytes.NewReader(content)}, 41*chunk), nil},
	} {
		t.Run(name, func(t *testing.T) {
			fine(t, os.WriteFile(path, content, 0o600))
			ctx, f, client := start(t)
			came := newReceived()
			f.answer("UploadImage", answer{serve: func(stream grpc.ServerStream, first proto.Message) error {
				if one.change != nil {
					// No more than a window of it can have been read.
					if err := one.change(); err != nil {
						return err
					}
				}
				return came.rest(stream, first)
			}})
			_, err := client.Images.Upload(ctx, one.source, debian())
			if !errors.Is(err, oaktree.ErrSourceChanged) {
				t.Fatal(err)
			}
			came.isBroken(t)
		})
	}
}

func TestWrongPromisesAreNotKept(t *testing.T) {
	for _, content := range []*pb.UploadContent{{Sha256: sha256Of(nil)}, {Md5: md5Of(nil)}} {
		ctx, f, client := start(t)
		came := images(f, 1)[0]
		request := debian()
		request.Content = content
		_, err := client.Images.Upload(ctx, oaktree.Bytes(noise(31*chunk)), request)
		failsAs(t, err, "BYTES_DIFFER")
		came.isBroken(t)
	}
}

func TestAnUploadIsSentAgainWithItsID(t *testing.T) {
	ctx, f, client := start(t)
	came := newReceived()
	content := noise(3 * chunk)
	f.answer("UploadImage", breaks(away), answer{serve: func(stream grpc.ServerStream, first proto.Message) error {
		if err := came.rest(stream, first); err != nil {
			return err
		}
		return stream.SendMsg(&pb.UploadImageResponse{Image: image})
	}})
	_, err := client.Images.Upload(ctx, oaktree.Bytes(content), debian())
	fine(t, err)
	same(t, came.all(t).bytes.String(), string(content))
	calls := f.calls("UploadImage")
	same(t, len(calls), 2)
	same(t, calls[0].request.(*pb.UploadImageRequest).GetRequestId(), calls[1].request.(*pb.UploadImageRequest).GetRequestId())
	same(t, len(calls[0].metadata.Get("oaktree-request-id")), 1)
	same(t, len(calls[1].metadata.Get("oaktree-request-id")), 0)
}

func TestWhatCanBeReadOnceIsSentOnce(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("UploadImage", breaks(away))
	_, err := client.Images.Upload(ctx, oaktree.Reader(plain{bytes.NewReader(noise(10))}, 10), debian())
	if !errors.Is(err, oaktree.ErrUnavailable) {
		t.Fatal(err)
	}
	f.onlyCall("UploadImage")
}

func TestAnUploadGivesUp(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("UploadImage", breaks(away))
	_, err := client.Images.Upload(ctx, oaktree.Bytes(noise(10)), debian())
	failsAs(t, err, "SHUTTING_DOWN")
	same(t, len(f.calls("UploadImage")), 7)
}

func TestARefusedUploadStops(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("UploadImage", breaks(refusal(codes.FailedPrecondition, "NOT_OFFERED", "only raw")))
	source := bytes.NewReader(noise(100 * chunk))
	_, err := client.Images.Upload(ctx, oaktree.Reader(source, -1), debian())
	failsAs(t, err, "NOT_OFFERED")
	f.onlyCall("UploadImage")
}

func TestWhatIsThereIsNotSent(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("UploadImage", reply(
		&pb.UploadImageResponse{Progress: &pb.UploadProgress{IsSkipped: true}},
		&pb.UploadImageResponse{Image: image},
	))
	got, err := client.Images.Upload(ctx, oaktree.Bytes(noise(100*chunk)), debian())
	fine(t, err)
	same(t, got, image)
}

func TestAnUploadWithoutAnImageIsAFault(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("UploadImage", reply(wanted))
	_, err := client.Images.Upload(ctx, oaktree.Bytes(nil), debian())
	if !errors.Is(err, oaktree.ErrInternal) {
		t.Fatal(err)
	}
}

func TestACancelledUploadEnds(t *testing.T) {
	ctx, f, client := start(t)
	ctx, cancel := context.WithCancel(ctx)
	came := newReceived()
	f.answer("UploadImage", answer{serve: func(stream grpc.ServerStream, first proto.Message) error {
		cancel()
		return came.rest(stream, first)
	}})
	_, err := client.Images.Upload(ctx, oaktree.Bytes(noise(100*chunk)), debian())
	if !errors.Is(err, context.Canceled) || !errors.Is(err, oaktree.ErrCancelled) {
		t.Fatal(err)
	}
	came.isBroken(t)
}

func TestAnUploadGetsAnotherToken(t *testing.T) {
	ctx, f, client := robot(t, created("a", 3600), created("b", 3600))
	f.answer("UploadImage", breaks(refused), reply(&pb.UploadImageResponse{Image: image}))
	_, err := client.Images.Upload(ctx, oaktree.Bytes(noise(10)), debian())
	fine(t, err)
	same(t, shown(f, "UploadImage"), "Bearer a, Bearer b")
}
