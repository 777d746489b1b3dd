package oaktree_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

var web = &pb.Server{Id: "1", Name: "web"}

func TestGet(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("GetServer", reply(&pb.GetServerResponse{Server: web}))
	request := &pb.GetServerRequest{NameOrId: "web", MaxAge: durationpb.New(0)}
	got, err := client.Cloud("one").Servers.Get(ctx, request)
	fine(t, err)
	same(t, got, web)
	call := f.onlyCall("GetServer")
	same(t, call.request.(*pb.GetServerRequest), &pb.GetServerRequest{
		Location: &pb.Location{Cloud: "one"}, NameOrId: "web", MaxAge: durationpb.New(0),
	})
	if call.left <= 0 || call.left > 61*time.Second {
		t.Fatalf("it has %v", call.left)
	}
	if agent := call.metadata.Get("user-agent")[0]; !strings.HasPrefix(agent, "oaktreemodel-go/") {
		t.Fatal(agent)
	}
	same(t, request, &pb.GetServerRequest{NameOrId: "web", MaxAge: durationpb.New(0)})
}

func TestCreateHasARequestIDOfItsOwn(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("CreateServer", reply(&pb.CreateServerResponse{Server: web}))
	request := &pb.CreateServerRequest{Name: "web", Image: "cirros", Flavor: "m1.tiny"}
	seen := map[uuid.UUID]bool{}
	for range 2 {
		_, err := client.Servers.Create(ctx, request)
		fine(t, err)
	}
	for _, call := range f.calls("CreateServer") {
		asked := call.request.(*pb.CreateServerRequest)
		id, err := uuid.Parse(asked.GetRequestId())
		fine(t, err)
		seen[id] = true
		asked.RequestId = ""
		same(t, asked, request)
		if call.left < 100*time.Second || call.left > 301*time.Second {
			t.Fatalf("it has %v", call.left)
		}
	}
	same(t, len(seen), 2)
}

func TestRequestIDCanBeGiven(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("DeleteServer", reply(&pb.DeleteServerResponse{}))
	fine(t, client.Servers.Delete(ctx, &pb.DeleteServerRequest{NameOrId: "web", RequestId: "mine"}))
	same(t, f.onlyCall("DeleteServer").request.(*pb.DeleteServerRequest).GetRequestId(), "mine")
}

func TestDeadlineIsTheContexts(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("GetServer", reply(&pb.GetServerResponse{Server: web}))
	long, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	_, err := client.Servers.Get(long, &pb.GetServerRequest{NameOrId: "web"})
	fine(t, err)
	if left := f.onlyCall("GetServer").left; left < 30*time.Minute {
		t.Fatalf("it has %v", left)
	}
}

func TestDeadlineThatPasses(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("GetServer", endless())
	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	got, err := client.Servers.Get(ctx, &pb.GetServerRequest{NameOrId: "web"})
	if !errors.Is(err, oaktree.ErrDeadlineExceeded) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	same(t, got, nil)
}

func TestContextThatIsCancelled(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("GetServer", endless())
	ctx, cancel := context.WithCancel(ctx)
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := client.Servers.Get(ctx, &pb.GetServerRequest{NameOrId: "web"})
	if !errors.Is(err, oaktree.ErrCancelled) || !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestSecretsAreAskedFor(t *testing.T) {
	ctx, f, client := start(t)
	key := &pb.Keypair{Name: "k"}
	whole := &pb.CreateKeypairResponse{Keypair: key, PrivateKey: &pb.Secret{Value: "-----BEGIN"}}
	f.answer("CreateKeypair", reply(whole))
	got, err := client.Keypairs.Create(ctx, &pb.CreateKeypairRequest{Name: "k"})
	fine(t, err)
	same(t, got, key)
	all, err := client.Keypairs.CreateWithSecrets(ctx, &pb.CreateKeypairRequest{Name: "k"})
	fine(t, err)
	same(t, all, whole)
}

func TestOtherResults(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("GetServerConsoleOutput", reply(&pb.GetServerConsoleOutputResponse{Output: "login:"}))
	output, err := client.Servers.GetConsoleOutput(ctx, &pb.GetServerConsoleOutputRequest{NameOrId: "web"})
	fine(t, err)
	same(t, output, "login:")

	f.answer("RebootServer", reply(&pb.RebootServerResponse{Server: web}))
	server, err := client.Servers.Reboot(ctx, &pb.RebootServerRequest{NameOrId: "web"})
	fine(t, err)
	same(t, server, web)

	limits := &pb.Limits{Compute: &pb.ComputeLimits{Cores: &pb.Limit{Max: proto.Int64(20)}}}
	f.answer("GetLimits", reply(&pb.GetLimitsResponse{Limits: limits}))
	got, err := client.Cloud("one").Limits.Get(ctx, nil)
	fine(t, err)
	same(t, got, limits)

	capabilities := &pb.Capabilities{Location: &pb.Location{Cloud: "one"}}
	f.answer("GetCapabilities", reply(&pb.GetCapabilitiesResponse{Capabilities: capabilities}))
	can, err := client.Cloud("one").Clouds.GetCapabilities(ctx, nil)
	fine(t, err)
	same(t, can, capabilities)
}

func TestBulkCallThatFailsInPart(t *testing.T) {
	ctx, f, client := start(t)
	gone := &pb.FloatingIp{Name: "192.0.2.1"}
	f.answer("DeleteUnattachedFloatingIps", reply(&pb.DeleteUnattachedFloatingIpsResponse{
		FloatingIps: []*pb.FloatingIp{gone},
		Failures:    []*pb.Failure{failure("one", refusal(codes.Internal, "CLOUD_ERROR", "192.0.2.2"))},
	}))
	request := &pb.DeleteUnattachedFloatingIpsRequest{UnusedFor: durationpb.New(time.Hour), RequestId: "mine"}
	done, err := client.FloatingIps.DeleteUnattached(ctx, request)
	var partial *oaktree.PartialFailure
	if !errors.As(err, &partial) {
		t.Fatal(err)
	}
	same(t, partial.Failures[0].RequestID, "mine")
	same(t, len(done), 1)
	same(t, done[0], gone)

	var told []*oaktree.Error
	done, err = client.FloatingIps.DeleteUnattached(ctx, request, oaktree.OnFailure(func(err *oaktree.Error) {
		told = append(told, err)
	}))
	fine(t, err)
	same(t, len(done), 1)
	same(t, len(told), 1)
	same(t, told[0].Message, "192.0.2.2")
}

func TestPlaces(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("DeleteServer", reply(&pb.DeleteServerResponse{}))
	there := &pb.Location{Cloud: "one", Region: "r", Zone: "z", Project: &pb.Project{Id: "p"}}
	want := proto.CloneOf(there)
	scope := client.At(there)
	there.Cloud = "two"
	scope.Location().Cloud = "three"
	fine(t, scope.Servers.Delete(ctx, &pb.DeleteServerRequest{NameOrId: "web"}))
	same(t, f.onlyCall("DeleteServer").request.(*pb.DeleteServerRequest).GetLocation(), want)
	same(t, scope.Location(), want)
	same(t, client.Location(), &pb.Location{})
	same(t, client.At(nil).Location(), &pb.Location{})
}

func TestPlaceOfARequest(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("GetServer", reply(&pb.GetServerResponse{Server: web}))
	request := &pb.GetServerRequest{NameOrId: "web", Location: &pb.Location{Cloud: "one"}}
	_, err := client.Servers.Get(ctx, request)
	fine(t, err)
	same(t, f.onlyCall("GetServer").request.(*pb.GetServerRequest), request)
	_, err = client.Cloud("two").Servers.Get(ctx, request)
	if !errors.Is(err, oaktree.ErrInvalidArgument) {
		t.Fatal(err)
	}
	same(t, len(f.calls("GetServer")), 1)
}

func TestCloudHasAName(t *testing.T) {
	ctx, f, client := start(t)
	cloud := client.Cloud("")
	err := cloud.Servers.Delete(ctx, &pb.DeleteServerRequest{NameOrId: "web"})
	if !errors.Is(err, oaktree.ErrInvalidArgument) || !strings.Contains(err.Error(), "name of a cloud is empty") {
		t.Fatal(err)
	}
	for _, err := range cloud.Servers.List(ctx, nil) {
		if !errors.Is(err, oaktree.ErrInvalidArgument) {
			t.Fatal(err)
		}
	}
	for _, err := range cloud.Servers.Watch(ctx, nil) {
		if !errors.Is(err, oaktree.ErrInvalidArgument) {
			t.Fatal(err)
		}
	}
	_, err = cloud.Servers.Wait(ctx, nil)
	if !errors.Is(err, oaktree.ErrInvalidArgument) {
		t.Fatal(err)
	}
	same(t, len(f.seen), 0)
}

func TestOptionsOfGRPC(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("GetServer", reply(&pb.GetServerResponse{Server: web}))
	var trailer metadata.MD
	_, err := client.Servers.Get(ctx, nil, grpc.Trailer(&trailer), grpc.MaxCallRecvMsgSize(1))
	if !errors.Is(err, oaktree.ErrResourceExhausted) {
		t.Fatal(err)
	}
}

func TestStubsAreInReach(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("GetServer", reply(&pb.GetServerResponse{Server: web}))
	stub := pb.NewServerServiceClient(client.Conn())
	got, err := stub.GetServer(ctx, &pb.GetServerRequest{NameOrId: "web"})
	fine(t, err)
	same(t, got.GetServer(), web)
}
