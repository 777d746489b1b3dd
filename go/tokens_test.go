package oaktree_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

var (
	refused     = refusal(codes.Unauthenticated, "UNAUTHENTICATED", "the token is none")
	unknown     = refusal(codes.Unauthenticated, "CREDENTIALS_REFUSED", "the cloud does not know it")
	application = oaktree.WithClientCredentials("robot", "hush-hush")
	found       = reply(&pb.GetServerResponse{Server: web})
)

func created(value string, seconds int64) answer {
	return reply(&pb.CreateTokenResponse{AccessToken: &pb.Secret{Value: value}, ExpiresInSeconds: seconds})
}

// shown is what the calls of an rpc carried.
func shown(f *fake, rpc string) string {
	var all []string
	for _, call := range f.calls(rpc) {
		all = append(all, strings.Join(call.metadata.Get("authorization"), "+"))
	}
	return strings.Join(all, ", ")
}

// robot is a fake that gives tokens, and a client with the credentials for them.
func robot(t *testing.T, tokens ...answer) (context.Context, *fake, *oaktree.Client) {
	t.Helper()
	f := newFake(t)
	f.answer("CreateToken", tokens...)
	f.answer("GetServer", found)
	return bounded(t), f, connect(t, f.addr, application)
}

func TestATokenIsMadeOnceAndShownByEveryCall(t *testing.T) {
	ctx, f, client := robot(t, created("a", 3600))
	f.answer("ListServers", reply(batch("x")))
	for range 2 {
		_, err := client.Servers.Get(ctx, nil)
		fine(t, err)
	}
	_, err := names(ctx, client.Servers)
	fine(t, err)
	_, err = pb.NewServerServiceClient(client.Conn()).GetServer(ctx, &pb.GetServerRequest{})
	fine(t, err)
	same(t, shown(f, "GetServer"), "Bearer a, Bearer a, Bearer a")
	same(t, shown(f, "ListServers"), "Bearer a")
	same(t, shown(f, "CreateToken"), "")
	asked := f.onlyCall("CreateToken").request.(*pb.CreateTokenRequest)
	same(t, asked, &pb.CreateTokenRequest{ClientId: "robot", ClientSecret: "hush-hush"})
}

func TestTheCredentialsCloud(t *testing.T) {
	f := newFake(t)
	f.answer("CreateToken", created("a", 3600))
	f.answer("GetServer", found)
	client := connect(t, f.addr, application, oaktree.WithCredentialsCloud("one"))
	_, err := client.Cloud("two").Servers.Get(bounded(t), nil)
	fine(t, err)
	asked := f.onlyCall("CreateToken").request.(*pb.CreateTokenRequest)
	same(t, asked.GetLocation(), &pb.Location{Cloud: "one"})
	call := f.onlyCall("GetServer")
	same(t, strings.Join(call.metadata.Get("oaktree-cloud"), "+"), "one")
	same(t, call.request.(*pb.GetServerRequest).GetLocation(), &pb.Location{Cloud: "two"})
}

func TestHealthAndCreateTokenNeedNone(t *testing.T) {
	ctx, f, client := robot(t, created("a", 3600))
	f.answer("Check", reply(&grpc_health_v1.HealthCheckResponse{}))
	_, err := grpc_health_v1.NewHealthClient(client.Conn()).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	fine(t, err)
	same(t, len(f.calls("CreateToken")), 0)
	_, err = client.Auth.CreateToken(ctx, &pb.CreateTokenRequest{ClientId: "other"})
	fine(t, err)
	same(t, shown(f, "Check")+shown(f, "CreateToken"), "")
	same(t, len(f.calls("CreateToken")), 1)
}

func TestManyCallersMakeOneToken(t *testing.T) {
	made := created("a", 3600)
	made.until = make(chan struct{})
	ctx, f, client := robot(t, made)
	var callers sync.WaitGroup
	for range 64 {
		callers.Go(func() {
			if _, err := client.Servers.Get(ctx, nil); err != nil {
				t.Error(err)
			}
		})
	}
	seen(t, f, "CreateToken")
	close(made.until)
	callers.Wait()
	same(t, len(f.calls("CreateToken")), 1)
	same(t, len(f.calls("GetServer")), 64)
}

// seen waits until the server has got a call.
func seen(t *testing.T, f *fake, rpc string) {
	t.Helper()
	for deadline := time.Now().Add(bound); len(f.calls(rpc)) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(rpc + " is not called")
		}
	}
}

func TestACallerWhoIsCancelledFailsNoOther(t *testing.T) {
	made := created("a", 3600)
	made.until = make(chan struct{})
	ctx, f, client := robot(t, made)
	hasty, cancel := context.WithCancel(ctx)
	ends := make(chan error, 2)
	get := func(ctx context.Context) {
		_, err := client.Servers.Get(ctx, nil)
		ends <- err
	}
	go get(hasty)
	seen(t, f, "CreateToken")
	go get(ctx)
	cancel()
	if err := <-ends; !errors.Is(err, oaktree.ErrCancelled) {
		t.Fatal(err)
	}
	close(made.until)
	fine(t, <-ends)
	same(t, len(f.calls("CreateToken")), 1)
}

func TestATokenIsMadeWithinTheCallsTime(t *testing.T) {
	ctx, _, client := robot(t, endless())
	brief, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, err := client.Servers.Get(brief, nil)
	if !errors.Is(err, oaktree.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
}

func TestClosingEndsWhatMakesAToken(t *testing.T) {
	ctx, f, client := robot(t, endless())
	ended := make(chan error, 1)
	go func() {
		_, err := client.Servers.Get(ctx, nil)
		ended <- err
	}()
	seen(t, f, "CreateToken")
	fine(t, client.Close())
	if err := <-ended; !errors.Is(err, oaktree.ErrCancelled) {
		t.Fatal(err)
	}
	ends(t, f.onlyCall("CreateToken"))
}

func TestATokenIsRenewedBeforeItsEnd(t *testing.T) {
	for life, age := range map[int64]time.Duration{3600: 3541 * time.Second, 60: 31 * time.Second} {
		ctx, f, client := robot(t, created("a", life), created("b", 3600))
		get := func() string {
			_, err := client.Servers.Get(ctx, nil)
			fine(t, err)
			shown := strings.Split(shown(f, "GetServer"), ", ")
			return shown[len(shown)-1]
		}
		same(t, get(), "Bearer a")
		oaktree.Age(client, age-2*time.Second)
		same(t, get(), "Bearer a")
		same(t, len(f.calls("CreateToken")), 1)
		oaktree.Age(client, 2*time.Second)
		// Nobody waits for it while the old one is good.
		for get() != "Bearer b" {
			time.Sleep(time.Millisecond)
		}
		same(t, len(f.calls("CreateToken")), 2)
	}
}

func TestAnEndedTokenIsNotShown(t *testing.T) {
	ctx, f, client := robot(t, created("a", 60), created("b", 60))
	for range 2 {
		_, err := client.Servers.Get(ctx, nil)
		fine(t, err)
		oaktree.Age(client, time.Minute)
	}
	same(t, shown(f, "GetServer"), "Bearer a, Bearer b")
}

func TestTheOldTokenIsUsedWhileItIsGood(t *testing.T) {
	ctx, f, client := robot(t, created("a", 3600), breaks(refusal(codes.Internal, "CLOUD_ERROR", "no")), created("b", 3600))
	_, err := client.Servers.Get(ctx, nil)
	fine(t, err)
	oaktree.Age(client, 3550*time.Second)
	for len(f.calls("CreateToken")) < 2 {
		_, err := client.Servers.Get(ctx, nil)
		fine(t, err)
	}
	// Not every call tries again.
	for range 3 {
		_, err = client.Servers.Get(ctx, nil)
		fine(t, err)
	}
	same(t, len(f.calls("CreateToken")), 2)
	if strings.Contains(shown(f, "GetServer"), "Bearer b") {
		t.Fatal(shown(f, "GetServer"))
	}
}

func TestRefusedCredentials(t *testing.T) {
	ctx, f, client := robot(t, breaks(unknown))
	_, err := client.Servers.Get(ctx, nil)
	var failed *oaktree.Error
	if !errors.As(err, &failed) || !errors.Is(err, oaktree.ErrUnauthenticated) || failed.Reason != "CREDENTIALS_REFUSED" {
		t.Fatal(err)
	}
	same(t, len(f.calls("CreateToken")), 1)
	same(t, len(f.calls("GetServer")), 0)
}

func TestCredentialsThatAreRefusedByTheTimeOfRenewal(t *testing.T) {
	ctx, f, client := robot(t, created("a", 3600), breaks(unknown))
	_, err := client.Servers.Get(ctx, nil)
	fine(t, err)
	oaktree.Age(client, 3550*time.Second)
	for err == nil {
		_, err = client.Servers.Get(ctx, nil)
		if len(f.calls("CreateToken")) > 1 {
			// However long it would be good for.
			oaktree.Age(client, -time.Hour)
		}
	}
	if !strings.Contains(err.Error(), "CREDENTIALS_REFUSED") {
		t.Fatal(err)
	}
}

func TestWhatIsNoToken(t *testing.T) {
	for _, value := range []string{"", "a\nb", "ä"} {
		ctx, _, client := robot(t, created(value, 3600))
		_, err := client.Servers.Get(ctx, nil)
		if !errors.Is(err, oaktree.ErrInternal) || value != "" && strings.Contains(err.Error(), value) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	ctx, f, client := robot(t, created("sesame", 3600))
	_, err := client.Servers.Get(ctx, nil)
	fine(t, err)
	f.answer("GetServer", breaks(refusal(codes.NotFound, "NOT_FOUND", "no")))
	_, failed := client.Servers.Get(ctx, nil)
	raw := oaktree.WithToken("sesame")
	other := connect(t, f.addr, raw)
	for _, thing := range []any{
		client, *client, client.Scope, *client.Scope, client.Servers, application, raw, failed, other, *other.Scope,
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			text := fmt.Sprintf(verb, thing)
			if strings.Contains(text, "sesame") || strings.Contains(text, "hush") {
				t.Errorf("%s of %T: %s", verb, thing, text)
			}
		}
	}
}
