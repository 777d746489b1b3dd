package oaktree_test

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// How often each is broken off, at a point that is chosen at random.
const breaksOff = 50

func TestUploadsThatBreakOffAnywhere(t *testing.T) {
	ctx, f, client := start(t)
	content := noise(6*chunk + 1)
	path := written(t, content)
	for range breaksOff {
		point := rand.IntN(7)
		came := newReceived()
		f.answer("UploadImage", answer{serve: func(stream grpc.ServerStream, first proto.Message) error {
			for range point {
				if err := stream.RecvMsg(first.ProtoReflect().New().Interface()); err != nil {
					return err
				}
			}
			return away
		}}, answer{serve: func(stream grpc.ServerStream, first proto.Message) error {
			if err := came.rest(stream, first); err != nil {
				return err
			}
			return stream.SendMsg(&pb.UploadImageResponse{Image: image})
		}})
		if _, err := client.Images.Upload(ctx, oaktree.File(path), debian()); err != nil {
			t.Fatalf("broken off after %d messages: %v", point, err)
		}
		same(t, came.all(t).bytes.String(), string(content))
		same(t, came.finish.GetSha256(), sha256Of(content))
	}
}

func TestDownloadsThatBreakOffAnywhere(t *testing.T) {
	ctx, f, client := start(t)
	content := noise(6*chunk + 1)
	path := filepath.Join(t.TempDir(), "image")
	for range breaksOff {
		left := rand.IntN(4)
		f.answer("DownloadImage", answer{choose: func(request proto.Message) answer {
			messages := sends(content, content[request.(*pb.DownloadImageRequest).GetPart().GetOffsetBytes():])
			if left == 0 {
				return reply(messages...)
			}
			left--
			return breaks(away, messages[:rand.IntN(len(messages))]...)
		}})
		_, err := client.Images.Download(ctx, oaktree.ToFile(path), wants("debian"))
		fine(t, err)
		holds(t, path, content)
	}
}
