package oaktree

import (
	"context"
	"path"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// From so many bytes on oaktree is asked whether an object had better go in segments. A variable for
// tests.
var askFromBytes int64 = 32 << 20

const (
	planLimit = 5 * time.Minute
	// A cloud looks at every segment before it makes an object of them.
	commitLimit = 10 * time.Minute
)

func (c StorageObjects) upload(ctx context.Context, source Source, request *pb.UploadStorageObjectRequest, opts []grpc.CallOption) (*pb.StorageObject, error) {
	ctx, leave := c.at.whileOpen(ctx)
	defer leave()
	from, err := source.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = from.close() }()
	// A request that is nil cannot be copied.
	asked := &pb.UploadStorageObjectRequest{}
	proto.Merge(asked, request)
	told := meterOf(opts, asked.GetName(), from.size).part("")
	if asked.Segment == nil && asked.ModifiedAt == nil && !from.modified.IsZero() {
		asked.ModifiedAt = timestamppb.New(from.modified)
	}
	folder, name := path.Split(asked.GetName())
	// A path holds no such step, as a name may.
	isPath := name != "" && name != "." && name != ".."
	if asked.Segment == nil && from.size >= askFromBytes && isPath {
		if err := promise(asked, from.size); err != nil {
			return nil, err
		}
		asking := &pb.PlanStorageObjectUploadsRequest{Location: asked.GetLocation(), Parent: asked.GetParent(), Prefix: folder}
		plan, err := c.askAgain(ctx, asking, name, from, nil)
		if err != nil {
			return nil, err
		}
		if plan.GetSegments() != nil || plan.GetAction() == pb.UploadAction_UPLOAD_ACTION_SKIP {
			return newSegments(c, asked, from, plan, told, opts).upload(ctx)
		}
	}
	return c.send(ctx, from, asked, told, opts)
}

// send stores what is in one piece, or is one segment.
func (c StorageObjects) send(ctx context.Context, from *content, request *pb.UploadStorageObjectRequest, told func(int64), opts []grpc.CallOption) (*pb.StorageObject, error) {
	return send(ctx, c.at, c.stub.UploadStorageObject, from, request, (*pb.UploadStorageObjectResponse).GetStorageObject, told, opts)
}

func (c StorageObjects) plan(ctx context.Context, request *pb.PlanStorageObjectUploadsRequest) ([]*pb.UploadStep, error) {
	response, err := unary(ctx, c.at, c.stub.PlanStorageObjectUploads, request, planLimit, nil)
	return response.GetSteps(), err
}

func (c StorageObjects) download(ctx context.Context, target Target, request *pb.DownloadStorageObjectRequest, opts []grpc.CallOption) (*pb.StorageObject, error) {
	way := newSigned(c, request.GetLocation(), request.GetParent(), request.GetNameOrId(), false)
	// A ticket that an attempt failed with is not used again.
	var last *pb.Ticket
	sign := func(ctx context.Context) (*pb.Ticket, error) {
		last = way.find(ctx, last)
		return last, nil
	}
	return downloadWith(ctx, c.at, c.stub.DownloadStorageObject, target, request, (*pb.DownloadStorageObjectResponse).GetStorageObject, sign, opts)
}
