package oaktree_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// writes a file that is its owner's alone.
func writes(t *testing.T, path, content string) string {
	t.Helper()
	fine(t, os.MkdirAll(filepath.Dir(path), 0o700))
	fine(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// usersOwn writes the credentials file where it is looked for.
func usersOwn(t *testing.T, content string) string {
	t.Helper()
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	return writes(t, filepath.Join(config, "oaktree", "credentials.yaml"), content)
}

func credentialsFor(address string, more ...string) string {
	lines := append([]string{"address: " + address, "client_id: filed", "client_secret: hush-hush"}, more...)
	return strings.Join(lines, "\n") + "\n"
}

// who is what a fake is told of the caller: the token, or the client id it is made for.
func (f *fake) who(address string, opts ...oaktree.Option) string {
	f.t.Helper()
	f.answer("CreateToken", created("made", 3600))
	f.answer("GetServer", found)
	_, err := connect(f.t, address, opts...).Servers.Get(bounded(f.t), nil)
	fine(f.t, err)
	told := strings.TrimPrefix(strings.Join(f.calls("GetServer")[0].metadata.Get("authorization"), "+"), "Bearer ")
	if told == "made" {
		told = f.onlyCall("CreateToken").request.(*pb.CreateTokenRequest).GetClientId()
	}
	return told
}

// unsayable fails unless connecting fails with these words, and without the secret.
func unsayable(t *testing.T, address string, said []string, opts ...oaktree.Option) {
	t.Helper()
	_, err := oaktree.Connect(address, opts...)
	if err == nil {
		t.Fatalf("%s is connected to", address)
	}
	for _, one := range said {
		if !strings.Contains(err.Error(), one) {
			t.Errorf("%v: without %q", err, one)
		}
	}
	if strings.Contains(err.Error(), "hush") {
		t.Errorf("%v tells the secret", err)
	}
}

func TestTheFirstWhoSaysItWins(t *testing.T) {
	f := newFake(t)
	same(t, f.who(f.addr), "")
	path := usersOwn(t, credentialsFor(f.addr))
	for _, one := range []struct {
		set, to, tells string
		opts           []oaktree.Option
	}{
		{tells: "filed"},
		{set: "OAKTREE_CREDENTIALS", to: writes(t, filepath.Join(t.TempDir(), "c"), strings.Replace(credentialsFor(f.addr), "filed", "named", 1)), tells: "named"},
		{opts: []oaktree.Option{oaktree.WithCredentialsFile(path)}, tells: "filed"},
		{set: "OAKTREE_CLIENT_ID", to: "id", tells: "id"},
		{opts: []oaktree.Option{oaktree.WithCredentialsFile(path)}, tells: "filed"},
		{opts: []oaktree.Option{oaktree.WithCredentialsFile(path), oaktree.WithToken("raw")}, tells: "raw"},
		{opts: []oaktree.Option{oaktree.WithToken("raw")}, tells: "raw"},
		{opts: []oaktree.Option{application}, tells: "robot"},
	} {
		if one.set != "" {
			t.Setenv(one.set, one.to)
			if one.set == "OAKTREE_CLIENT_ID" {
				t.Setenv("OAKTREE_CLIENT_SECRET", "hush-hush")
			}
		}
		f.seen = map[string][]call{}
		if tells := f.who(f.addr, one.opts...); tells != one.tells {
			t.Errorf("%+v: %q", one, tells)
		}
	}
}

func TestTheAddressCanBeLeftOut(t *testing.T) {
	f := newFake(t)
	path := usersOwn(t, credentialsFor(f.addr))
	same(t, f.who(""), "filed")
	other := newFake(t)
	t.Setenv("OAKTREE_ADDRESS", other.addr)
	t.Setenv("OAKTREE_TOKEN", "set")
	same(t, other.who(""), "set")
	f.seen = map[string][]call{}
	same(t, f.who("", oaktree.WithCredentialsFile(path)), "filed")
}

func TestTheCredentialsCloudFromEverySource(t *testing.T) {
	f := newFake(t)
	path := usersOwn(t, credentialsFor(f.addr, "cloud: filed"))
	cloud := func(opts ...oaktree.Option) string {
		f.seen = map[string][]call{}
		f.who(f.addr, opts...)
		return f.onlyCall("GetServer").metadata.Get("oaktree-cloud")[0]
	}
	same(t, cloud(), "filed")
	t.Setenv("OAKTREE_CLOUD", "set")
	same(t, cloud(), "set")
	same(t, cloud(oaktree.WithCredentialsFile(path)), "filed")
	same(t, cloud(oaktree.WithCredentialsFile(path), oaktree.WithToken("raw")), "filed")
	same(t, cloud(oaktree.WithCredentialsFile(path), oaktree.WithCredentialsCloud("given")), "given")
	same(t, cloud(oaktree.WithCredentialsCloud("given")), "given")
	// What the file lacks, the environment may say, but not that of another address.
	usersOwn(t, credentialsFor(f.addr))
	path = writes(t, filepath.Join(t.TempDir(), "c"), credentialsFor(f.addr))
	same(t, cloud(oaktree.WithCredentialsFile(path)), "set")
	t.Setenv("OAKTREE_ADDRESS", "localhost:1")
	f.seen = map[string][]call{}
	same(t, f.who("", oaktree.WithCredentialsFile(path)), "filed")
	same(t, len(f.onlyCall("GetServer").metadata.Get("oaktree-cloud")), 0)
}

func TestNothingIsSaidToAnotherAddress(t *testing.T) {
	elsewhere := "localhost:1"
	path := usersOwn(t, credentialsFor(elsewhere))
	t.Setenv("OAKTREE_ADDRESS", elsewhere)
	t.Setenv("OAKTREE_TOKEN", "set")
	t.Setenv("OAKTREE_CLOUD", "one")
	f := newFake(t)
	same(t, f.who(f.addr), "")
	same(t, len(f.onlyCall("GetServer").metadata.Get("oaktree-cloud")), 0)
	for _, also := range []oaktree.Option{oaktree.WithCredentialsFile(path), oaktree.WithToken("raw"), application} {
		unsayable(t, f.addr, []string{path, "for another address"}, oaktree.WithCredentialsFile(path), also)
	}
	t.Setenv("OAKTREE_ADDRESS", "")
	t.Setenv("OAKTREE_TOKEN", "")
	t.Setenv("OAKTREE_CREDENTIALS", path)
	unsayable(t, f.addr, []string{path, "for another address"})
	t.Setenv("OAKTREE_ADDRESS", "ftp://x")
	unsayable(t, f.addr, []string{"OAKTREE_ADDRESS"})
}

func TestOneAddressIsWrittenInSeveralWays(t *testing.T) {
	f := newFake(t)
	_, port, _ := strings.Cut(f.addr, ":")
	for _, address := range []string{f.addr, "http://" + f.addr + "/", "127.0.0.1:0" + port} {
		usersOwn(t, credentialsFor(address))
		f.seen = map[string][]call{}
		same(t, f.who(f.addr), "filed")
	}
	folder := t.TempDir()
	socket := fakeAt(t, "unix:"+folder+"/s")
	usersOwn(t, credentialsFor("unix:"+folder+"/./x/..//s"))
	same(t, socket.who("unix://"+folder+"/s"), "filed")
}

func TestBadCredentialsFiles(t *testing.T) {
	good := credentialsFor("localhost:1")
	for content, said := range map[string][]string{
		"":                              {"not a mapping"},
		"[hush]":                        {"not a mapping"},
		"hush":                          {"not a mapping"},
		good + "token: hush":            {"line 4", "unknown key token"},
		good + "hush!1: x":              {"line 4", "unknown key"},
		good + "client_id: hush":        {"line 4", "client_id", "twice"},
		good + "cloud: [hush]":          {"line 4", "cloud", "text"},
		good + "cloud: 12":              {"line 4", "cloud", "quotes"},
		good + "ca: ''":                 {"line 4", "ca"},
		good + "cloud: hush\x7f":        {"not YAML"},
		good + "cloud: \"hush\\u00e4\"": {"cloud", "cannot be sent"},
		good + "---\n" + good:           {"more than one document"},
		"address: localhost:1\nclient_secret: *hush":      {"not YAML"},
		"address: localhost:1\nclient_secret: hush: hush": {"line 2", "not YAML"},
		"address: localhost:1\nclient_secret: hush":       {"client_id is missing"},
		"client_id: x\nclient_secret: hush":               {"address is missing"},
		"address: localhost:1\nclient_id: hush":           {"client_secret is missing"},
		strings.Replace(good, "localhost", "hush@x", 1):   {"address is not"},
	} {
		path := usersOwn(t, content)
		unsayable(t, "localhost:1", said)
		unsayable(t, "", append(said, path))
	}
	missing := filepath.Join(t.TempDir(), "none.yaml")
	unsayable(t, "", []string{missing, "no such file"}, oaktree.WithCredentialsFile(missing))
	unsayable(t, "localhost:1", []string{missing, "no such file"}, oaktree.WithCredentialsFile(missing), oaktree.WithToken("hush"))
}

func TestACredentialsFileThatOthersCanRead(t *testing.T) {
	path := usersOwn(t, credentialsFor("localhost:1"))
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660} {
		fine(t, os.Chmod(path, mode))
		unsayable(t, "localhost:1", []string{"chmod 600 " + path})
	}
	// Nothing of it is needed here.
	f := newFake(t)
	same(t, f.who(f.addr, oaktree.WithToken("raw")), "raw")
}

func TestContradictoryCredentials(t *testing.T) {
	for said, opts := range map[string][]oaktree.Option{
		"exclude each other":     {application, oaktree.WithToken("hush")},
		"has no token":           {oaktree.WithToken("")},
		"needs both":             {oaktree.WithClientCredentials("id", "")},
		"WithToken holds":        {oaktree.WithToken("hush\nhush")},
		"cloud holds characters": {oaktree.WithToken("hush"), oaktree.WithCredentialsCloud("ä")},
	} {
		unsayable(t, "localhost:1", []string{said}, opts...)
	}
	t.Setenv("OAKTREE_CLIENT_SECRET", "hush")
	unsayable(t, "localhost:1", []string{"OAKTREE_CLIENT_SECRET is without OAKTREE_CLIENT_ID"})
	t.Setenv("OAKTREE_TOKEN", "hush")
	unsayable(t, "localhost:1", []string{"OAKTREE_TOKEN and OAKTREE_CLIENT_ID exclude"})
}

func TestNothingIsSaidInTheClear(t *testing.T) {
	for address, opts := range map[string][]oaktree.Option{
		"http://192.0.2.1:1": {application},
		"192.0.2.1:1":        {oaktree.WithToken("hush"), oaktree.WithInsecure()},
	} {
		unsayable(t, address, []string{"in the clear", address}, opts...)
	}
	usersOwn(t, credentialsFor("192.0.2.1:1"))
	unsayable(t, "http://192.0.2.1:1", []string{"in the clear"})
	// Without a credential there is nothing to hide, until one is asked for.
	client := connect(t, "http://192.0.2.1:2")
	_, err := client.Auth.CreateToken(bounded(t), &pb.CreateTokenRequest{ClientSecret: "hush"})
	if !errors.Is(err, oaktree.ErrInvalidArgument) || !strings.Contains(err.Error(), "in the clear") {
		t.Fatal(err)
	}
}

func TestAnAuthorityFromEverySource(t *testing.T) {
	own, pool := certificate(t, "localhost")
	f, address := secured(t, &tls.Config{Certificates: []tls.Certificate{own}})
	folder := t.TempDir()
	ca := writes(t, filepath.Join(folder, "ca.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]})))
	same(t, f.who(address, oaktree.WithCA(ca), oaktree.WithToken("raw")), "raw")
	f.seen = map[string][]call{}
	path := writes(t, filepath.Join(folder, "c.yaml"), credentialsFor("https://"+address, "ca: ca.pem"))
	t.Setenv("OAKTREE_CA", folder+"/none")
	same(t, f.who("", oaktree.WithCredentialsFile(path)), "filed")
	f.seen = map[string][]call{}
	t.Setenv("OAKTREE_CA", ca)
	same(t, f.who("https://"+address), "")

	unsayable(t, address, []string{"exclude each other"}, oaktree.WithCA(ca), oaktree.WithTLS(&tls.Config{RootCAs: pool}))
	unsayable(t, "http://"+address, []string{"write https://"}, oaktree.WithCA(ca))
	unsayable(t, address, []string{"no such file"}, oaktree.WithCA(folder+"/none"))
	unsayable(t, address, []string{path, "no certificate"}, oaktree.WithCA(path))
	// It is not even read where TLS is not spoken.
	t.Setenv("OAKTREE_CA", folder+"/none")
	connect(t, address)
}

func TestWhereCredentialsWereLookedFor(t *testing.T) {
	own, pool := certificate(t, "oaktree.example.com")
	f, address := secured(t, &tls.Config{Certificates: []tls.Certificate{own}})
	f.answer("GetServer", breaks(refused))
	// As far as the client knows, it is somewhere else.
	dial := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	})
	client := connect(t, "192.0.2.1:1", oaktree.WithTLS(&tls.Config{RootCAs: pool, ServerName: "oaktree.example.com"}), oaktree.WithDialOptions(dial))
	_, err := client.Servers.Get(bounded(t), nil)
	isRefused(t, err, "UNAUTHENTICATED")
	if !strings.Contains(err.Error(), "no credentials for this address") || !strings.Contains(err.Error(), "credentials.yaml") {
		t.Fatal(err)
	}
	f.onlyCall("GetServer")
}
