package oaktree

import (
	"context"

	"google.golang.org/protobuf/proto"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// foretell says the digests of an image that may be there already, so that it is not sent again. They
// take a reading more: only what can be read again is read so, and only where an image of the same name
// and size is there. What goes in one message says them in any case. What it gives is for what is sent.
func foretell(ctx context.Context, at *place, asked proto.Message, from *content) (func() digests, error) {
	image, ok := asked.(*pb.UploadImageRequest)
	if !ok || from.size <= chunkBytes || !from.isRepeatable || image.GetAllowDuplicates() ||
		image.GetContent().GetSha256() != "" || !mayBeThere(ctx, at, image) {
		return newDigests, nil
	}
	sums := newDigests()
	err := from.hashed(ctx, sums)
	sums.isMade = true
	if err == nil {
		err = from.unchanged()
	}
	if err == nil {
		err = sums.check(image.GetContent())
	}
	if err == nil {
		sums.foretell(image.GetContent())
	}
	return func() digests { return sums }, err
}

func mayBeThere(ctx context.Context, at *place, image *pb.UploadImageRequest) bool {
	asked := &pb.ListImagesRequest{
		Location: image.GetLocation(),
		Where:    []*pb.Filter{{Path: []string{"name"}, Values: []string{image.GetName()}}},
	}
	isThere := false
	// What fails here, the upload itself will tell.
	_, _ = each(ctx, at, pb.NewImageServiceClient(at.conn).ListImages, asked, nil, func(answer *pb.ListImagesResponse) bool {
		for _, one := range answer.GetImages() {
			isThere = isThere || one.GetSizeBytes() == image.GetContent().GetSizeBytes()
		}
		return !isThere
	})
	return isThere
}
