package oaktree_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// TestDemoTransfers moves bytes both ways, straight and through a real oaktree.
func TestDemoTransfers(t *testing.T) {
	ctx := bounded(t)
	client := connect(t, demo(ctx, t))
	east := client.At(&pb.Location{Cloud: "modern", Region: "east"})
	container, err := east.StorageContainers.Create(ctx, &pb.CreateStorageContainerRequest{Name: "from-go"})
	fine(t, err)
	content := noise(20<<20 + 5)
	path := written(t, content)
	for way, opts := range map[string][]grpc.CallOption{
		"straight": nil, "through": {oaktree.ThroughOaktree()},
	} {
		var last oaktree.Progress
		told := append(opts, oaktree.OnProgress(func(p oaktree.Progress) { last = p }))
		end := oaktree.Progress{SentBytes: int64(len(content)), TotalBytes: int64(len(content))}

		image, err := east.Images.Upload(ctx, oaktree.File(path), &pb.UploadImageRequest{Name: way}, told...)
		fine(t, err)
		same(t, image.GetState(), pb.State_STATE_READY)
		same(t, image.GetDiskFormat(), "raw")
		same(t, image.GetChecksum(), md5Of(content))
		end.Name = way
		same(t, last, end)
		to := filepath.Join(t.TempDir(), "image")
		_, err = east.Images.Download(ctx, oaktree.ToFile(to), &pb.DownloadImageRequest{NameOrId: image.GetId()}, told...)
		fine(t, err)
		holds(t, to, content)

		name := "large/../" + way
		_, err = east.StorageObjects.Upload(ctx, oaktree.File(path), &pb.UploadStorageObjectRequest{
			Parent: container.GetName(), Name: name, Metadata: map[string]string{"k": "v"},
			Content: &pb.UploadContent{Sha256: sha256Of(content)},
		}, told...)
		fine(t, err)
		object, err := east.StorageObjects.Get(ctx, &pb.GetStorageObjectRequest{Parent: container.GetName(), NameOrId: name})
		fine(t, err)
		same(t, object.GetSha256(), sha256Of(content))
		same(t, object.GetMetadata()["k"], "v")
		to = filepath.Join(t.TempDir(), "object")
		part := &pb.DownloadPart{OffsetBytes: 7, LengthBytes: proto.Int64(15 << 20)}
		_, err = east.StorageObjects.Download(ctx, oaktree.ToFile(to), &pb.DownloadStorageObjectRequest{
			Parent: container.GetName(), NameOrId: name, Part: part,
		}, told...)
		fine(t, err)
		holds(t, to, content[7:7+15<<20])
	}

	folder := tree(t, files())
	result, err := oaktree.UploadDirectory(ctx, east, folder, "from-go", oaktree.UploadDirectoryOptions{Prefix: "d/"})
	fine(t, err)
	same(t, result.Sent, len(files()))
	result, err = oaktree.UploadDirectory(ctx, east, folder, "from-go", oaktree.UploadDirectoryOptions{Prefix: "d/", DeleteExtra: true})
	fine(t, err)
	same(t, counts(result), fmt.Sprintf("sent 0 (0 bytes), skipped %d, deleted 0, failed 0, left out []", len(files())))
	back := t.TempDir()
	result, err = oaktree.DownloadDirectory(ctx, east, "from-go", back, oaktree.DownloadDirectoryOptions{Prefix: "d/"})
	fine(t, err)
	same(t, result.Sent, len(files()))
	are(t, contents(t, back), files())
}
