package oaktree_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// TestMain serves the examples, and sees that nothing leaves a goroutine behind once its client is
// closed.
func TestMain(m *testing.M) {
	f, stop, err := serve("127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	play(f)
	address = f.addr
	code := m.Run()
	stop()
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// play gives a fake everything that the examples ask for.
func play(f *fake) {
	there := &pb.Location{Cloud: "devstack"}
	server := &pb.Server{Location: there, Id: "1", Name: "web", Status: "ACTIVE", InterfaceIp: "192.0.2.1"}
	f.answer("ListImages", reply(&pb.ListImagesResponse{Images: []*pb.Image{{Name: "cirros"}}}))
	f.answer("ListServers", reply(&pb.ListServersResponse{
		Servers: []*pb.Server{server}, Failures: []*pb.Failure{failure("down", unreachable)},
	}))
	f.answer("CreateServer", answer{choose: func(request proto.Message) answer {
		where := request.(*pb.CreateServerRequest).GetLocation().GetCloud()
		if where != "full" {
			return reply(&pb.CreateServerResponse{Server: server})
		}
		return breaks(refusalAt(where, codes.ResourceExhausted, "QUOTA_EXCEEDED", "no more", &pb.QuotaExceeded{Quota: "cores"}))
	}})
	f.answer("WaitServer", answer{choose: func(request proto.Message) answer {
		if request.(*pb.WaitServerRequest).GetUntil() == pb.State_STATE_UNSPECIFIED {
			return reply(&pb.WaitServerResponse{Server: server})
		}
		return reply(pending, ready)
	}})
	f.answer("WatchServers", breaks(refusal(codes.PermissionDenied, "POLICY_FORBIDS", "no"),
		&pb.WatchServersResponse{Location: there, Servers: []*pb.Server{server}},
		&pb.WatchServersResponse{Location: there, Removals: []*pb.Removal{{Id: "1", Name: "web"}}},
		&pb.WatchServersResponse{Failures: []*pb.Failure{failure("devstack", unreachable)}},
	))
	f.answer("DeleteServer", reply(&pb.DeleteServerResponse{}))
}
