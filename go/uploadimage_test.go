package oaktree_test

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

func TestAnImageThatMayBeThereIsForetold(t *testing.T) {
	content := noise(chunk + 1)
	size := int64(len(content))
	for name, one := range map[string]struct {
		there  int64
		source oaktree.Source
		allow  bool
		want   string
	}{
		"of the same size":  {size, oaktree.Bytes(content), false, sha256Of(content)},
		"of another size":   {size + 1, oaktree.Bytes(content), false, ""},
		"read once":         {size, oaktree.Reader(plain{bytes.NewReader(content)}, size), false, ""},
		"however many":      {size, oaktree.Bytes(content), true, ""},
		"read from a place": {size, oaktree.Reader(bytes.NewReader(content), -1), false, sha256Of(content)},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, f, client := start(t)
			images(f, 1)
			f.answer("ListImages", reply(&pb.ListImagesResponse{Images: []*pb.Image{{SizeBytes: proto.Int64(one.there)}}}))
			request := debian()
			request.AllowDuplicates = one.allow
			_, err := client.Images.Upload(ctx, one.source, request)
			fine(t, err)
			same(t, f.onlyCall("UploadImage").request.(*pb.UploadImageRequest).GetContent().GetSha256(), one.want)
		})
	}
}
