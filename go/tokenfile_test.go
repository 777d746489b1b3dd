package oaktree_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	oaktree "opendev.org/openstack/oaktree/go"
)

// folders are where a user's oaktree leaves its token: the runtime folder, and the other.
func folders(t *testing.T) (runtime, state string) {
	t.Helper()
	runtime, home := t.TempDir(), t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", runtime)
	t.Setenv("HOME", home)
	return filepath.Join(runtime, "oaktree"), filepath.Join(home, ".local", "state", "oaktree")
}

func portOf(f *fake) string {
	_, port, _ := strings.Cut(f.addr, ":")
	return port
}

func ownOaktree(t *testing.T) (context.Context, *fake, string, *oaktree.Client) {
	t.Helper()
	runtime, _ := folders(t)
	ctx, f, client := start(t)
	f.answer("GetServer", found)
	return ctx, f, filepath.Join(runtime, portOf(f)), client
}

func TestTheTokenOfOnesOwnOaktree(t *testing.T) {
	ctx, f, path, client := ownOaktree(t)
	// Not needed before the first call.
	writes(t, path, "secret\n")
	for range 2 {
		_, err := client.Servers.Get(ctx, nil)
		fine(t, err)
	}
	same(t, shown(f, "GetServer"), "Bearer secret, Bearer secret")
	same(t, len(f.calls("CreateToken")), 0)
}

func TestTheNewestOfTwoTokenFiles(t *testing.T) {
	runtime, state := folders(t)
	for i, written := range []string{state, runtime} {
		f := newFake(t)
		for j, folder := range []string{state, runtime} {
			path := writes(t, filepath.Join(folder, portOf(f)), filepath.Base(filepath.Dir(folder)))
			if i != j {
				past := time.Now().Add(-time.Hour)
				fine(t, os.Chtimes(path, past, past))
			}
		}
		same(t, f.who(f.addr), filepath.Base(filepath.Dir(written)))
	}
}

func TestTheTokenFileOfASocket(t *testing.T) {
	runtime, _ := folders(t)
	folder := filepath.Join(t.TempDir(), "50%")
	fine(t, os.Mkdir(folder, 0o700))
	f := fakeAt(t, "unix:"+folder+"/s")
	name := strings.ReplaceAll(strings.ReplaceAll(folder+"/s", "%", "%25"), "/", "%2F")
	writes(t, filepath.Join(runtime, name), "secret")
	same(t, f.who("unix:"+folder+"/.//s"), "secret")
	t.Chdir(folder)
	f.seen = map[string][]call{}
	same(t, f.who("unix:s"), "secret")
}

func TestATokenFileThatOthersCanRead(t *testing.T) {
	ctx, f, path, client := ownOaktree(t)
	fine(t, os.Chmod(writes(t, path, "secret"), 0o644))
	_, err := client.Servers.Get(ctx, nil)
	isRefused(t, err, "")
	if !strings.Contains(err.Error(), "chmod 600 "+path) {
		t.Fatal(err)
	}
	same(t, len(f.calls("GetServer")), 0)
	fine(t, os.Chmod(path, 0o600))
	_, err = client.Servers.Get(ctx, nil)
	fine(t, err)
}

func TestATokenFileOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	ctx, _, path, client := ownOaktree(t)
	fine(t, os.Chown(writes(t, path, "secret"), 12345, -1))
	_, err := client.Servers.Get(ctx, nil)
	isRefused(t, err, "")
	if !strings.Contains(err.Error(), "another user") || !strings.Contains(err.Error(), "chmod 600 "+path) {
		t.Fatal(err)
	}
}

func TestATokenFileWithoutAToken(t *testing.T) {
	ctx, _, path, client := ownOaktree(t)
	writes(t, path, "se cret\n\n")
	writes(t, path, "\n")
	_, err := client.Servers.Get(ctx, nil)
	isRefused(t, err, "")
	if !strings.Contains(err.Error(), path+" holds no token") {
		t.Fatal(err)
	}
}

func TestAnOaktreeThatWasStartedAgain(t *testing.T) {
	ctx, f, path, client := ownOaktree(t)
	writes(t, path, "old")
	_, err := client.Servers.Get(ctx, nil)
	fine(t, err)
	writes(t, path, "new")
	f.answer("GetServer", breaks(refused), found)
	_, err = client.Servers.Get(ctx, nil)
	fine(t, err)
	same(t, shown(f, "GetServer"), "Bearer old, Bearer old, Bearer new")
}

func TestAnOaktreeThatIsSomebodyElses(t *testing.T) {
	ctx, f, path, client := ownOaktree(t)
	writes(t, path, "mine")
	f.answer("GetServer", breaks(refused))
	_, err := client.Servers.Get(ctx, nil)
	isRefused(t, err, "UNAUTHENTICATED")
	same(t, err.Error(), "the token is none (UNAUTHENTICATED)")
	same(t, shown(f, "GetServer"), "Bearer mine")
}

func TestWithoutATokenFileNothingIsSent(t *testing.T) {
	ctx, f, path, client := ownOaktree(t)
	_, err := client.Servers.Get(ctx, nil)
	fine(t, err)
	f.answer("GetServer", breaks(refused))
	f.answer("ListServers", breaks(refused))
	for _, call := range []func() error{
		func() error { _, err := client.Servers.Get(ctx, nil); return err },
		func() error { _, err := names(ctx, client.Servers); return err },
	} {
		err := call()
		isRefused(t, err, "UNAUTHENTICATED")
		for _, said := range []string{"the token is none; no token was sent", path, "/.local/state/oaktree/" + portOf(f)} {
			if !strings.Contains(err.Error(), said) {
				t.Errorf("%v: without %s", err, said)
			}
		}
	}
	same(t, shown(f, "GetServer"), ", ")
	// A server that was started only now.
	writes(t, path, "secret")
	f.answer("GetServer", breaks(refused), found)
	_, err = client.Servers.Get(ctx, nil)
	fine(t, err)
	same(t, shown(f, "GetServer"), ", , , Bearer secret")
}
