package oaktree

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// kind is what errors.Is finds an *Error to be.
type kind struct {
	words   string
	codes   []codes.Code
	reasons []string
}

func (k *kind) Error() string { return k.words }

func ofCode(words string, codes ...codes.Code) error {
	return &kind{words: "oaktree: " + words, codes: codes}
}

func ofReason(words string, reasons ...string) error {
	return &kind{words: "oaktree: " + words, reasons: reasons}
}

// The kinds of errors, for errors.Is.
var (
	// ErrInvalidArgument: an argument is missing, malformed, out of range or unknown to the server;
	// see [Error.Fields].
	ErrInvalidArgument = ofCode("invalid argument", codes.InvalidArgument, codes.OutOfRange)
	// ErrAmbiguous: a name fits several things, or several places and none was named; the message
	// lists them. It is an ErrInvalidArgument, too.
	ErrAmbiguous = ofReason("ambiguous", "NAME_AMBIGUOUS", "CHOICE_NEEDED")
	// ErrNotFound: there is no such thing, cloud or region, or the caller may not see it.
	ErrNotFound = ofCode("not found", codes.NotFound)
	// ErrAlreadyExists: something of that name exists, or the request id was used with other
	// arguments.
	ErrAlreadyExists = ofCode("already exists", codes.AlreadyExists)
	// ErrUnauthenticated: the caller's credentials, or the cloud's, are not accepted.
	ErrUnauthenticated = ofCode("unauthenticated", codes.Unauthenticated)
	// ErrPermissionDenied: the cloud's policy forbids it to this caller.
	ErrPermissionDenied = ofCode("permission denied", codes.PermissionDenied)
	// ErrFailed: what was waited for failed, or what a thing is doing now does not allow the call.
	ErrFailed = ofCode("failed", codes.FailedPrecondition)
	// ErrConflict: the thing changed since the given revision, or is being changed by somebody else.
	ErrConflict = ofCode("conflict", codes.Aborted)
	// ErrResourceExhausted: there is no more of something, now or at all.
	ErrResourceExhausted = ofCode("resource exhausted", codes.ResourceExhausted)
	// ErrQuotaExceeded: a quota of the cloud is used up; see [Error.Quota]. It is an
	// ErrResourceExhausted, too.
	ErrQuotaExceeded = ofReason("quota exceeded", "QUOTA_EXCEEDED")
	// ErrRateLimited: the cloud asks for fewer requests; see [Error.RetryAfter]. It is an
	// ErrResourceExhausted, too.
	ErrRateLimited = ofReason("rate limited", "RATE_LIMITED")
	// ErrDeadlineExceeded: the time given for the call is over. A change may have been made all the
	// same. It is a context.DeadlineExceeded, too.
	ErrDeadlineExceeded = ofCode("deadline exceeded", codes.DeadlineExceeded)
	// ErrUnavailable: oaktree cannot be reached, or the cloud behind it, or the connection broke.
	ErrUnavailable = ofCode("unavailable", codes.Unavailable)
	// ErrUnimplemented: the server does not know the call or a part of it, or the cloud is too old.
	ErrUnimplemented = ofCode("unimplemented", codes.Unimplemented)
	// ErrCancelled: the call was cancelled, by either side. It is a context.Canceled, too.
	ErrCancelled = ofCode("cancelled", codes.Canceled)
	// ErrInternal: a fault of oaktree's own, or of the cloud.
	ErrInternal = ofCode("internal", codes.Internal, codes.Unknown)
	// ErrDataLoss: what arrived is not what was sent, or not what the cloud says it has. Nothing of it
	// is kept.
	ErrDataLoss = ofCode("data loss", codes.DataLoss)
)

// An Error is why a call failed, or one place inside a stream. Programs judge by errors.Is and by
// Reason; Message is for people.
type Error struct {
	// What went wrong, for people.
	Message string
	Code    codes.Code
	// Why, for programs: a [pb.Reason] without its prefix, such as "NAME_AMBIGUOUS". Empty when the
	// server gave none.
	Reason string
	// Where it happened. Empty when it is about no cloud, or none of its regions.
	Cloud, Region string
	// What else the server says of it: service, cloud_request_id.
	Metadata map[string]string
	// Every detail of the error that this version knows.
	Details []proto.Message
	// The id of the change that failed, to find it in logs or to ask again. Empty for reads.
	RequestID string

	status *status.Status
}

// Error tells the message, the reason, the place and the request id.
func (e *Error) Error() string {
	var notes []string
	if e.Reason != "" {
		notes = append(notes, e.Reason)
	}
	if e.Cloud != "" || e.Region != "" {
		notes = append(notes, "in "+strings.Trim(e.Cloud+"/"+e.Region, "/"))
	}
	if e.RequestID != "" {
		notes = append(notes, "request id "+e.RequestID)
	}
	if notes == nil {
		return e.Message
	}
	return fmt.Sprintf("%s (%s)", e.Message, strings.Join(notes, ", "))
}

// Is tells whether it is of a kind: one of this package's Err… variables, or a context's error.
func (e *Error) Is(target error) bool {
	switch target {
	case context.Canceled:
		return e.Code == codes.Canceled
	case context.DeadlineExceeded:
		return e.Code == codes.DeadlineExceeded
	}
	k, ok := target.(*kind)
	return ok && (slices.Contains(k.codes, e.Code) || slices.Contains(k.reasons, e.Reason))
}

// GRPCStatus is gRPC's own form of it, for status.FromError and status.Code.
func (e *Error) GRPCStatus() *status.Status {
	if e.status == nil {
		return status.New(e.Code, e.Message)
	}
	return e.status
}

// Fields are the request's fields that are wrong, by path, and what is wrong with each.
func (e *Error) Fields() map[string]string {
	fields := map[string]string{}
	for _, one := range detail[*errdetails.BadRequest](e).GetFieldViolations() {
		fields[one.GetField()] = one.GetDescription()
	}
	return fields
}

// Quota is the quota that is used up. Nil when it is about none.
func (e *Error) Quota() *pb.QuotaExceeded {
	return detail[*pb.QuotaExceeded](e)
}

// RetryAfter is how long to wait before asking again, and whether the cloud tells.
func (e *Error) RetryAfter() (time.Duration, bool) {
	told := detail[*errdetails.RetryInfo](e).GetRetryDelay()
	return told.AsDuration(), told != nil
}

// detail is the first of its type, or nil.
func detail[T proto.Message](e *Error) (found T) {
	for _, one := range e.Details {
		if found, ok := one.(T); ok {
			return found
		}
	}
	return found
}

// A PartialFailure says that some places, or some of several changes, failed; the others' results
// were handed over. It does not unwrap to the failures: that one place is unavailable does not make
// the list unavailable.
type PartialFailure struct {
	// The error of each that failed, at least one.
	Failures []*Error
}

// Error tells all failures.
func (p *PartialFailure) Error() string {
	told := make([]string, len(p.Failures))
	for i, one := range p.Failures {
		told[i] = one.Error()
	}
	return strings.Join(told, "; ")
}
