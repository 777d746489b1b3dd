package oaktree

import (
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// The one reason that is no failure of a list: a place that lacks a service has none of its things.
const serviceAbsent = "SERVICE_ABSENT"

// refusal is the error of a call that was not made.
func refusal(message string) error {
	return &Error{Message: message, Code: codes.InvalidArgument}
}

// fault is the error of a server that does what none should do.
func fault(message string) error {
	return &Error{Message: message, Code: codes.Internal}
}

// fromStatus is the error that a status says: that of a call, or that of one place inside a stream.
func fromStatus(said *status.Status, request string) *Error {
	made := &Error{Message: said.Message(), Code: said.Code(), RequestID: request, status: said}
	if made.Code > codes.Unauthenticated {
		made.Code = codes.Unknown
	}
	if made.Message == "" {
		made.Message = made.Code.String()
	}
	for _, one := range said.Details() {
		// What cannot be read is an error there.
		if message, ok := one.(proto.Message); ok {
			made.Details = append(made.Details, message)
		}
	}
	info := detail[*errdetails.ErrorInfo](made)
	made.Reason, made.Metadata = info.GetReason(), info.GetMetadata()
	made.Cloud, made.Region = made.Metadata["cloud"], made.Metadata["region"]
	return made
}

// fromFailure is the error of one place inside a stream.
func fromFailure(failure *pb.Failure, request string) *Error {
	made := fromStatus(status.FromProto(failure.GetStatus()), request)
	if made.Cloud == "" {
		made.Cloud = failure.GetLocation().GetCloud()
	}
	if made.Region == "" {
		made.Region = failure.GetLocation().GetRegion()
	}
	return made
}

// fromCall is the error of a call that failed as a whole.
func fromCall(err error, at endpoint, request string) *Error {
	said := status.Convert(err)
	// What gRPC wraps around it, that it tried several times, would become part of the message.
	var bare interface{ GRPCStatus() *status.Status }
	if errors.As(err, &bare) {
		said = bare.GRPCStatus()
	}
	made := fromStatus(said, request)
	// Every error that an oaktree makes has a reason; what has none comes from the way there.
	if made.Reason == "" {
		made.Message = explain(made, at)
	}
	return made
}

type onFailure struct {
	grpc.EmptyCallOption
	tell func(*Error)
}

// OnFailure is an option of calls that tell of several places or changes: it is called with the
// error of each that failed, and no *[PartialFailure] is returned.
func OnFailure(tell func(*Error)) grpc.CallOption {
	return onFailure{tell: tell}
}

// failures are those of one call, as they come in.
type failures struct {
	request string
	tell    func(*Error)
	kept    []*Error
}

func newFailures(opts []grpc.CallOption, request string) *failures {
	f := &failures{request: request}
	f.tell = func(err *Error) { f.kept = append(f.kept, err) }
	for _, opt := range opts {
		if told, ok := opt.(onFailure); ok {
			f.tell = told.tell
		}
	}
	return f
}

// add takes the failures that a response tells of, if it can tell of any.
func (f *failures) add(response any) {
	told, ok := response.(interface{ GetFailures() []*pb.Failure })
	if !ok {
		return
	}
	for _, one := range told.GetFailures() {
		if err := fromFailure(one, f.request); err.Reason != serviceAbsent {
			f.tell(err)
		}
	}
}

// err is a *PartialFailure if any were kept.
func (f *failures) err() error {
	if f.kept == nil {
		return nil
	}
	return &PartialFailure{f.kept}
}
