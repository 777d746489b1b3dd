package oaktree_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

func TestReadsAreSentAgain(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("GetServer", breaks(away), breaks(away), reply(&pb.GetServerResponse{Server: web}))
	got, err := client.Servers.Get(ctx, &pb.GetServerRequest{NameOrId: "web"})
	fine(t, err)
	same(t, got, web)
	same(t, len(f.calls("GetServer")), 3)
}

func TestStreamsAreSentAgainBeforeTheFirstItem(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("ListServers", breaks(away), reply(batch("a")))
	got, err := names(ctx, client.Servers)
	fine(t, err)
	same(t, got, "a")
	same(t, len(f.calls("ListServers")), 2)
}

func TestCreatesAreSentAgainWithTheirID(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("CreateServer", breaks(away), reply(&pb.CreateServerResponse{Server: web}))
	_, err := client.Servers.Create(ctx, &pb.CreateServerRequest{Name: "web"})
	fine(t, err)
	calls := f.calls("CreateServer")
	same(t, len(calls), 2)
	first := calls[0].request.(*pb.CreateServerRequest)
	same(t, first, calls[1].request.(*pb.CreateServerRequest))
	if first.GetRequestId() == "" {
		t.Fatal("it has no request id")
	}
	// The server tells by both that the second is a repetition.
	for attempt, call := range calls {
		same(t, strings.Join(call.metadata.Get("oaktree-request-id"), " "), "new")
		same(t, strings.Join(call.metadata.Get("grpc-previous-rpc-attempts"), " "), []string{"", "1"}[attempt])
	}
}

func TestAnIDOfTheUsersOwnMayBeARepetition(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("CreateServer", reply(&pb.CreateServerResponse{Server: web}))
	_, err := client.Servers.Create(ctx, &pb.CreateServerRequest{Name: "web", RequestId: "mine"})
	fine(t, err)
	same(t, len(f.onlyCall("CreateServer").metadata.Get("oaktree-request-id")), 0)
}

func TestOtherChangesAreNotSentAgain(t *testing.T) {
	for rpc, change := range map[string]func(context.Context, oaktree.Servers) error{
		"DeleteServer": func(ctx context.Context, servers oaktree.Servers) error {
			return servers.Delete(ctx, nil)
		},
		"UpdateServer": func(ctx context.Context, servers oaktree.Servers) error {
			_, err := servers.Update(ctx, nil)
			return err
		},
		"RebootServer": func(ctx context.Context, servers oaktree.Servers) error {
			_, err := servers.Reboot(ctx, nil)
			return err
		},
	} {
		t.Run(rpc, func(t *testing.T) {
			ctx, f, client := start(t)
			f.answer(rpc, breaks(away))
			err := change(ctx, client.Servers)
			var failed *oaktree.Error
			if !errors.As(err, &failed) || !errors.Is(err, oaktree.ErrUnavailable) {
				t.Fatal(err)
			}
			asked := f.onlyCall(rpc).request.(interface{ GetRequestId() string })
			if failed.RequestID == "" || failed.RequestID != asked.GetRequestId() {
				t.Fatalf("the error tells %q, asked was %q", failed.RequestID, asked.GetRequestId())
			}
		})
	}
}

func TestItGivesUp(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("GetServer", breaks(away))
	_, err := client.Servers.Get(ctx, nil)
	var failed *oaktree.Error
	if !errors.As(err, &failed) {
		t.Fatal(err)
	}
	same(t, failed.Reason, "SHUTTING_DOWN")
	same(t, failed.Message, "shutting down")
	same(t, len(f.calls("GetServer")), 4)
}

func TestWhatWouldFailAgainIsNotSentAgain(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("GetServer", breaks(refusal(codes.PermissionDenied, "POLICY_FORBIDS", "no")))
	_, err := client.Servers.Get(ctx, nil)
	if !errors.Is(err, oaktree.ErrPermissionDenied) {
		t.Fatal(err)
	}
	f.onlyCall("GetServer")
}
