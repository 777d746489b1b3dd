package oaktree

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

func (c StorageObjects) upload(ctx context.Context, source Source, request *pb.UploadStorageObjectRequest, opts []grpc.CallOption) (*pb.StorageObject, error) {
	return upload(ctx, c.at, c.stub.UploadStorageObject, source, request, (*pb.UploadStorageObjectResponse).GetStorageObject, opts)
}

func (c StorageObjects) download(ctx context.Context, target Target, request *pb.DownloadStorageObjectRequest, opts []grpc.CallOption) (*pb.StorageObject, error) {
	sign := func(ctx context.Context) (*pb.Ticket, error) {
		return c.signed(ctx, request.GetLocation(), request.GetParent(), request.GetNameOrId(), false)
	}
	return downloadWith(ctx, c.at, c.stub.DownloadStorageObject, target, request, (*pb.DownloadStorageObjectResponse).GetStorageObject, sign, opts)
}

// signed is a ticket for a container's objects whose names begin so; nil where there is none to be
// had.
func (c StorageObjects) signed(ctx context.Context, where *pb.Location, container, prefix string, isUpload bool) (*pb.Ticket, error) {
	ticket, err := c.Sign(ctx, &pb.SignStorageObjectsRequest{
		Location: proto.CloneOf(where), Parent: container, Prefix: prefix, IsUpload: isUpload,
	})
	var failed *Error
	if errors.As(err, &failed) && ctx.Err() == nil {
		return nil, nil
	}
	return ticket, err
}
