package oaktree_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

var kinds = []error{
	oaktree.ErrInvalidArgument, oaktree.ErrAmbiguous, oaktree.ErrNotFound, oaktree.ErrAlreadyExists,
	oaktree.ErrUnauthenticated, oaktree.ErrPermissionDenied, oaktree.ErrFailed, oaktree.ErrConflict,
	oaktree.ErrResourceExhausted, oaktree.ErrQuotaExceeded, oaktree.ErrRateLimited,
	oaktree.ErrDeadlineExceeded, oaktree.ErrUnavailable, oaktree.ErrUnimplemented,
	oaktree.ErrCancelled, oaktree.ErrInternal, oaktree.ErrDataLoss,
}

func TestKinds(t *testing.T) {
	for _, one := range []struct {
		code   codes.Code
		reason string
		want   []error
	}{
		{codes.InvalidArgument, "INVALID_ARGUMENT", []error{oaktree.ErrInvalidArgument}},
		{codes.OutOfRange, "", []error{oaktree.ErrInvalidArgument}},
		{codes.InvalidArgument, "NAME_AMBIGUOUS", []error{oaktree.ErrInvalidArgument, oaktree.ErrAmbiguous}},
		{codes.InvalidArgument, "CHOICE_NEEDED", []error{oaktree.ErrInvalidArgument, oaktree.ErrAmbiguous}},
		{codes.NotFound, "NOT_FOUND", []error{oaktree.ErrNotFound}},
		{codes.AlreadyExists, "REQUEST_ID_REUSED", []error{oaktree.ErrAlreadyExists}},
		{codes.PermissionDenied, "POLICY_FORBIDS", []error{oaktree.ErrPermissionDenied}},
		{codes.Unauthenticated, "UNAUTHENTICATED", []error{oaktree.ErrUnauthenticated}},
		{codes.FailedPrecondition, "CONFLICT", []error{oaktree.ErrFailed}},
		{codes.Aborted, "REVISION_MISMATCH", []error{oaktree.ErrConflict}},
		{codes.ResourceExhausted, "QUOTA_EXCEEDED", []error{oaktree.ErrResourceExhausted, oaktree.ErrQuotaExceeded}},
		{codes.ResourceExhausted, "RATE_LIMITED", []error{oaktree.ErrResourceExhausted, oaktree.ErrRateLimited}},
		{codes.ResourceExhausted, "", []error{oaktree.ErrResourceExhausted}},
		{codes.DeadlineExceeded, "DEADLINE_EXCEEDED", []error{oaktree.ErrDeadlineExceeded}},
		{codes.Unavailable, "CLOUD_UNREACHABLE", []error{oaktree.ErrUnavailable}},
		{codes.Unimplemented, "UNKNOWN_FIELD", []error{oaktree.ErrUnimplemented}},
		{codes.Canceled, "", []error{oaktree.ErrCancelled}},
		{codes.Internal, "INTERNAL", []error{oaktree.ErrInternal}},
		{codes.Unknown, "", []error{oaktree.ErrInternal}},
		{codes.DataLoss, "A_REASON_FROM_THE_FUTURE", []error{oaktree.ErrDataLoss}},
	} {
		t.Run(one.code.String()+" "+one.reason, func(t *testing.T) {
			ctx, f, client := start(t)
			f.answer("DeleteServer", breaks(refusal(one.code, one.reason, "it broke")))
			err := client.Servers.Delete(ctx, nil)
			wrapped := fmt.Errorf("in a program: %w", err)
			for _, kind := range kinds {
				wanted := false
				for _, want := range one.want {
					wanted = wanted || kind == want
				}
				if errors.Is(wrapped, kind) != wanted {
					t.Errorf("is it %v? %v", kind, !wanted)
				}
			}
			var failed *oaktree.Error
			if !errors.As(wrapped, &failed) {
				t.Fatal(err)
			}
			same(t, failed.Code, one.code)
			same(t, failed.Reason, one.reason)
			same(t, status.Code(wrapped), one.code)
			id := f.onlyCall("DeleteServer").request.(*pb.DeleteServerRequest).GetRequestId()
			same(t, failed.RequestID, id)
		})
	}
}

// failed makes a Get fail and gives its error.
func failed(t *testing.T, end error) *oaktree.Error {
	t.Helper()
	ctx, f, client := start(t)
	f.answer("GetServer", breaks(end))
	_, err := client.Servers.Get(ctx, nil)
	var failed *oaktree.Error
	if !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return failed
}

func TestPlaceAndText(t *testing.T) {
	info := &errdetails.ErrorInfo{Reason: "NOT_FOUND", Domain: "oaktree", Metadata: map[string]string{
		"cloud": "one", "region": "r", "service": "compute", "cloud_request_id": "req-1",
	}}
	said, err := status.New(codes.NotFound, "no server 'web'").WithDetails(info)
	fine(t, err)
	got := failed(t, said.Err())
	same(t, got.Cloud, "one")
	same(t, got.Region, "r")
	same(t, got.Metadata["cloud_request_id"], "req-1")
	same(t, got.RequestID, "")
	same(t, got.Error(), "no server 'web' (NOT_FOUND, in one/r)")
	same(t, len(got.Details), 1)
	same(t, got.Details[0], proto.Message(info))
	same(t, got.GRPCStatus().Message(), "no server 'web'")
}

func TestQuota(t *testing.T) {
	detail := &pb.QuotaExceeded{Quota: "cores", Used: proto.Int64(19), Max: proto.Int64(20)}
	got := failed(t, refusal(codes.ResourceExhausted, "QUOTA_EXCEEDED", "no more", detail))
	same(t, got.Quota(), detail)
	same(t, got.Quota().Requested == nil, true)
	same(t, failed(t, refusal(codes.NotFound, "NOT_FOUND", "no")).Quota() == nil, true)
}

func TestRateLimit(t *testing.T) {
	detail := &errdetails.RetryInfo{RetryDelay: durationpb.New(30 * time.Second)}
	pause, told := failed(t, refusal(codes.ResourceExhausted, "RATE_LIMITED", "later", detail)).RetryAfter()
	same(t, pause, 30*time.Second)
	same(t, told, true)
	_, told = failed(t, refusal(codes.ResourceExhausted, "RATE_LIMITED", "later")).RetryAfter()
	same(t, told, false)
}

func TestFields(t *testing.T) {
	detail := &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
		{Field: "image", Description: "is missing"},
	}}
	fields := failed(t, refusal(codes.InvalidArgument, "INVALID_ARGUMENT", "no", detail)).Fields()
	same(t, len(fields), 1)
	same(t, fields["image"], "is missing")
}

func TestDetailsThatCannotBeReadHideNothing(t *testing.T) {
	spoil := func(_ any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, _ grpc.StreamHandler) error {
		stream.SetTrailer(metadata.Pairs("grpc-status-details-bin", "\xff\xff"))
		return status.Error(codes.NotFound, "no such thing")
	}
	f := newFake(t, grpc.StreamInterceptor(spoil))
	_, err := connect(t, f.addr).Servers.Get(bounded(t), nil)
	if err == nil {
		t.Fatal("it did not fail")
	}
	t.Log(err)
	if !errors.Is(err, oaktree.ErrNotFound) {
		t.Fatal(err)
	}
}
