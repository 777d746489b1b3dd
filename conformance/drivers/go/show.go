package main

import (
	"encoding/json"
	"errors"
	"log"
	"reflect"
	"slices"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	oaktree "opendev.org/openstack/oaktree/go"
)

// What errors.Is may find an error to be, by the name that all languages share.
var kinds = map[string]error{
	"AlreadyExists":     oaktree.ErrAlreadyExists,
	"Ambiguous":         oaktree.ErrAmbiguous,
	"Cancelled":         oaktree.ErrCancelled,
	"Conflict":          oaktree.ErrConflict,
	"DataLoss":          oaktree.ErrDataLoss,
	"DeadlineExceeded":  oaktree.ErrDeadlineExceeded,
	"Failed":            oaktree.ErrFailed,
	"Internal":          oaktree.ErrInternal,
	"InvalidArgument":   oaktree.ErrInvalidArgument,
	"NotFound":          oaktree.ErrNotFound,
	"PermissionDenied":  oaktree.ErrPermissionDenied,
	"QuotaExceeded":     oaktree.ErrQuotaExceeded,
	"RateLimited":       oaktree.ErrRateLimited,
	"ResourceExhausted": oaktree.ErrResourceExhausted,
	"Unauthenticated":   oaktree.ErrUnauthenticated,
	"Unavailable":       oaktree.ErrUnavailable,
	"Unimplemented":     oaktree.ErrUnimplemented,
}

// shown is a value as JSON has it.
func shown(value any) any {
	if one := reflect.ValueOf(value); !one.IsValid() || one.Kind() == reflect.Pointer && one.IsNil() {
		return nil
	}
	switch value := value.(type) {
	case proto.Message:
		text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(value)
		if err != nil {
			log.Fatal(err)
		}
		return json.RawMessage(text)
	case *oaktree.Error:
		return failure(value)
	case string, int64:
		return value
	}
	if many := reflect.ValueOf(value); many.Kind() == reflect.Slice {
		all := make([]any, many.Len())
		for i := range all {
			all[i] = shown(many.Index(i).Interface())
		}
		return all
	}
	return event(reflect.ValueOf(value))
}

// event shows an oaktree.Event of whatever it is about.
func event(of reflect.Value) any {
	field := func(name string) any { return of.FieldByName(name).Interface() }
	told := map[string]any{
		"kind":      field("Kind"),
		"id":        field("ID"),
		"name":      field("Name"),
		"deleted":   field("Deleted"),
		"has_as_of": !field("AsOf").(time.Time).IsZero(),
	}
	for key, name := range map[string]string{"location": "Location", "item": "Item", "failure": "Failure"} {
		if value := shown(field(name)); value != nil {
			told[key] = value
		}
	}
	return told
}

// isOwn tells whether an error is one of package oaktree's, and not a file's or a reader's.
func isOwn(err error) bool {
	var one *oaktree.Error
	var partial *oaktree.PartialFailure
	return errors.As(err, &one) || errors.As(err, &partial)
}

// failed shows the error of a call; result is what it answered beside it.
func failed(err error, result any) any {
	var partial *oaktree.PartialFailure
	if errors.As(err, &partial) {
		told := make([]any, len(partial.Failures))
		for i, one := range partial.Failures {
			told[i] = failure(one)
		}
		if result == nil {
			result = []any{}
		}
		return map[string]any{"kinds": []string{"PartialFailure"}, "failures": told, "results": result}
	}
	var one *oaktree.Error
	if !errors.As(err, &one) {
		log.Fatalf("a call failed with what is no error of package oaktree: %v", err)
	}
	return failure(one)
}

func failure(err *oaktree.Error) any {
	told := map[string]any{
		"code":       code.Code(err.Code).String(),
		"reason":     err.Reason,
		"message":    err.Message,
		"cloud":      err.Cloud,
		"region":     err.Region,
		"metadata":   err.Metadata,
		"request_id": err.RequestID,
	}
	are := []string{}
	for name, kind := range kinds {
		if errors.Is(err, kind) {
			are = append(are, name)
		}
	}
	slices.Sort(are)
	told["kinds"] = are
	details := []any{}
	for _, one := range err.Details {
		value, err := proto.Marshal(one)
		if err != nil {
			log.Fatal(err)
		}
		details = append(details, map[string]any{"type": proto.MessageName(one), "value": value})
	}
	told["details"] = details
	if fields := err.Fields(); len(fields) > 0 {
		told["fields"] = fields
	}
	if quota := err.Quota(); quota != nil {
		told["quota"] = shown(quota)
	}
	if after, ok := err.RetryAfter(); ok {
		told["retry_after"] = after.Seconds()
	}
	return told
}
