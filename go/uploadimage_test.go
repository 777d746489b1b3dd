package oaktree_test

import (
	"bytes"
	"errors"
	"os"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// listed is what a list of images answers, where they are of these sizes.
func listed(sizes ...int64) answer {
	made := &pb.ListImagesResponse{}
	for _, size := range sizes {
		made.Images = append(made.Images, &pb.Image{SizeBytes: proto.Int64(size)})
	}
	return reply(made)
}

func TestAnImageThatMayBeThereIsForetold(t *testing.T) {
	content := noise(chunk + 1)
	size := int64(len(content))
	again := func() oaktree.Source { return oaktree.Bytes(content) }
	once := func() oaktree.Source { return oaktree.Reader(plain{bytes.NewReader(content)}, size) }
	for name, one := range map[string]struct {
		source     func() oaktree.Source
		images     answer
		duplicates bool
		promised   string
		isForetold bool
		lists      int
	}{
		"of the same size":      {source: again, images: listed(size+1, size), isForetold: true, lists: 1},
		"read from a place":     {source: func() oaktree.Source { return oaktree.Reader(seekable{bytes.NewReader(content)}, -1) }, images: listed(size), isForetold: true, lists: 1},
		"of another size":       {source: again, images: listed(size + 1), lists: 1},
		"none":                  {source: again, images: listed(), lists: 1},
		"none that can be seen": {source: again, images: breaks(refusal(codes.PermissionDenied, "FORBIDDEN", "no")), lists: 1},
		"read once":             {source: once, images: listed(size)},
		"however many":          {source: again, images: listed(size), duplicates: true},
		"said by the caller":    {source: once, images: listed(size), promised: sha256Of(content), isForetold: true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, f, client := start(t)
			came := images(f, 1)[0]
			f.answer("ListImages", one.images)
			request := debian()
			request.AllowDuplicates = one.duplicates
			request.Content = &pb.UploadContent{Sha256: one.promised}
			_, err := client.Images.Upload(ctx, one.source(), request)
			fine(t, err)
			same(t, came.all(t).bytes.String(), string(content))
			want := &pb.UploadContent{SizeBytes: &size, PromisesMd5: true}
			if one.isForetold {
				want.Sha256 = sha256Of(content)
			}
			if one.isForetold && one.promised == "" {
				want.Md5 = md5Of(content)
			}
			same(t, f.onlyCall("UploadImage").request.(*pb.UploadImageRequest).GetContent(), want)
			lists := f.calls("ListImages")
			same(t, len(lists), one.lists)
			for _, list := range lists {
				same(t, list.request, proto.Message(&pb.ListImagesRequest{
					Where: []*pb.Filter{{Path: []string{"name"}, Values: []string{"debian"}}},
				}))
			}
		})
	}
}

func TestTheSameBytesAreNotSentAgain(t *testing.T) {
	for _, content := range [][]byte{noise(100), noise(100 * chunk)} {
		ctx, f, client := start(t)
		f.answer("ListImages", listed(int64(len(content))))
		f.answer("UploadImage", answer{serve: func(stream grpc.ServerStream, said proto.Message) error {
			if said.(*pb.UploadImageRequest).GetContent().GetSha256() != sha256Of(content) {
				return errors.New("it cannot be known to be there")
			}
			if err := stream.SendMsg(&pb.UploadImageResponse{Progress: &pb.UploadProgress{IsSkipped: true}}); err != nil {
				return err
			}
			return stream.SendMsg(&pb.UploadImageResponse{Image: image})
		}})
		got, err := client.Images.Upload(ctx, oaktree.File(written(t, content)), debian())
		fine(t, err)
		same(t, got, image)
	}
}

func TestASmallImageIsHashedWithoutAskingWhatIsThere(t *testing.T) {
	content := noise(chunk)
	for name, one := range map[string]struct {
		source     oaktree.Source
		duplicates bool
	}{
		"read again":   {oaktree.Bytes(content), false},
		"read once":    {oaktree.Reader(plain{bytes.NewReader(content)}, chunk), false},
		"however many": {oaktree.Bytes(content), true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, f, client := start(t)
			images(f, 1)
			request := debian()
			request.AllowDuplicates = one.duplicates
			_, err := client.Images.Upload(ctx, one.source, request)
			fine(t, err)
			same(t, f.onlyCall("UploadImage").request.(*pb.UploadImageRequest).GetContent().GetSha256(), sha256Of(content))
			same(t, len(f.calls("ListImages")), 0)
		})
	}
}

func TestWhatIsHashedBeforehandIsWhatItWas(t *testing.T) {
	// So much that the server would have seen an upload of it begin.
	content := noise(40 * chunk)
	for name, one := range map[string]struct {
		change  func(path string) error
		content *pb.UploadContent
		fails   func(testing.TB, error)
	}{
		"more": {
			change: func(path string) error { return os.WriteFile(path, noise(41*chunk), 0o600) },
			fails:  isChanged,
		},
		"less": {
			change: func(path string) error { return os.Truncate(path, chunk) },
			fails:  isChanged,
		},
		"another MD5 than was said": {
			change:  func(string) error { return nil },
			content: &pb.UploadContent{Md5: md5Of(nil)},
			fails:   func(t testing.TB, err error) { failsAs(t, err, "BYTES_DIFFER") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, f, client := start(t)
			images(f, 1)
			path := written(t, content)
			f.answer("ListImages", answer{serve: func(stream grpc.ServerStream, _ proto.Message) error {
				if err := one.change(path); err != nil {
					return err
				}
				return stream.SendMsg(listed(int64(len(content))).messages[0])
			}})
			request := debian()
			request.Content = one.content
			_, err := client.Images.Upload(ctx, oaktree.File(path), request)
			one.fails(t, err)
			same(t, len(f.calls("UploadImage")), 0)
		})
	}
}

// changing holds other bytes once it is read from its beginning again.
type changing struct {
	*bytes.Reader
	then   *bytes.Reader
	begins atomic.Int32
}

func (c *changing) ReadAt(into []byte, at int64) (int, error) {
	from := c.Reader
	if at == 0 && c.begins.Add(1) > 1 || c.begins.Load() > 1 {
		from = c.then
	}
	return from.ReadAt(into, at)
}

func TestWhatIsForetoldIsHashedOnce(t *testing.T) {
	ctx, f, client := start(t)
	content := noise(2*chunk + 1)
	other := append([]byte{1}, content[1:]...)
	came := newReceived()
	f.answer("ListImages", listed(int64(len(content))))
	f.answer("UploadImage", answer{serve: func(stream grpc.ServerStream, first proto.Message) error {
		if err := came.rest(stream, first); err != nil {
			return err
		}
		if came.finish.GetSha256() != sha256Of(came.bytes.Bytes()) {
			return refusal(codes.DataLoss, "BYTES_DIFFER", "others came")
		}
		return stream.SendMsg(&pb.UploadImageResponse{Image: image})
	}})
	from := &changing{Reader: bytes.NewReader(content), then: bytes.NewReader(other)}
	_, err := client.Images.Upload(ctx, oaktree.Reader(from, -1), debian())
	failsAs(t, err, "BYTES_DIFFER")
	// It is oaktree that finds it: what it is told is what was said beforehand.
	same(t, came.all(t).bytes.String(), string(other))
	same(t, came.finish, &pb.UploadFinish{Sha256: sha256Of(content), Md5: md5Of(content)})
}

func isChanged(t testing.TB, err error) {
	t.Helper()
	if !errors.Is(err, oaktree.ErrSourceChanged) {
		t.Fatal(err)
	}
}
