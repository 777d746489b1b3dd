package oaktree_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// TestMain serves the examples, and sees that nothing leaves a goroutine behind once its client is
// closed.
func TestMain(m *testing.M) {
	home, err := os.MkdirTemp("", "oaktree-go-")
	if err == nil {
		err = moveTo(home)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
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
	_ = os.RemoveAll(home)
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
	disk := []byte("QFI")
	debian := &pb.Image{Location: there, Id: "2", Name: "debian", Status: "active"}
	f.answer("UploadImage", answer{serve: func(stream grpc.ServerStream, first proto.Message) error {
		if err := newReceived().rest(stream, first); err != nil {
			return err
		}
		return stream.SendMsg(&pb.UploadImageResponse{Image: debian})
	}})
	f.answer("DownloadImage", reply(sends(disk, disk)...))
	newStore(f).objects["site/index.html"] = []byte("hello")
}

// The environment as it is outside, for what has to find the user's own settings.
var outside = os.Environ()

// moveTo keeps out of the tests what the user of this machine has set and written, and what an oaktree
// left for him.
func moveTo(home string) error {
	for _, name := range []string{"TOKEN", "CLIENT_ID", "CLIENT_SECRET", "CLOUD", "CA", "ADDRESS", "CREDENTIALS"} {
		if err := os.Unsetenv("OAKTREE_" + name); err != nil {
			return err
		}
	}
	return errors.Join(os.Setenv("HOME", home), os.Unsetenv("XDG_RUNTIME_DIR"), os.Unsetenv("XDG_CONFIG_HOME"))
}
