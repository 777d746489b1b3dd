package oaktree_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// demo starts the command that OAKTREE names as `oaktree demo`, and gives its address.
func demo(ctx context.Context, t *testing.T) string {
	t.Helper()
	command := os.Getenv("OAKTREE")
	if command == "" {
		t.Skip("OAKTREE names no oaktree command to start")
	}
	process := exec.CommandContext(ctx, command, "demo", "--listen", "127.0.0.1:0")
	process.Cancel = func() error { return process.Process.Signal(syscall.SIGTERM) }
	process.WaitDelay = bound
	said, err := process.StdoutPipe()
	fine(t, err)
	process.Stderr = process.Stdout
	fine(t, process.Start())
	where := make(chan string, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(where)
		lines := bufio.NewScanner(said)
		for lines.Scan() {
			if found, ok := strings.CutPrefix(lines.Text(), "oaktree serves on "); ok {
				where <- found
			}
		}
	}()
	t.Cleanup(func() {
		_ = process.Cancel()
		<-ended
		_ = process.Wait()
	})
	address, ok := <-where
	if !ok {
		t.Fatal("oaktree did not start")
	}
	return address
}

func TestDemo(t *testing.T) {
	ctx := bounded(t)
	client := connect(t, demo(ctx, t))

	clouds := map[string]bool{}
	for cloud, err := range client.Clouds.List(ctx, nil) {
		fine(t, err)
		clouds[cloud.GetName()] = true
	}
	if len(clouds) < 2 || !clouds["modern"] {
		t.Fatal(clouds)
	}
	there := &pb.Location{Cloud: "modern", Region: "east"}
	east := client.At(there)
	var images []string
	for image, err := range east.Images.List(ctx, nil) {
		fine(t, err)
		images = append(images, image.GetName())
	}
	if !strings.Contains(strings.Join(images, " "), "cirros") {
		t.Fatal(images)
	}

	watching, stop := context.WithCancel(ctx)
	defer stop()
	changed := make(chan error, 1)
	go func() {
		for event, err := range east.Servers.Watch(watching, nil) {
			if err != nil || event.Name == "from-go" {
				changed <- err
				return
			}
		}
	}()
	made, err := east.Servers.Create(ctx, &pb.CreateServerRequest{Name: "from-go", Image: "cirros", Flavor: "m1.tiny"})
	fine(t, err)
	fine(t, <-changed)
	server, err := east.Servers.Wait(ctx, &pb.WaitServerRequest{NameOrId: made.GetId()})
	fine(t, err)
	same(t, server.GetState(), pb.State_STATE_READY)
	if server.GetInterfaceIp() == "" {
		t.Fatal(server)
	}
	here := client.At(server.GetLocation())
	got, err := here.Servers.Get(ctx, &pb.GetServerRequest{NameOrId: "from-go"})
	fine(t, err)
	same(t, got.GetId(), made.GetId())
	fine(t, east.Servers.Delete(ctx, &pb.DeleteServerRequest{NameOrId: made.GetId()}))
	_, err = east.Servers.Wait(ctx, &pb.WaitServerRequest{NameOrId: made.GetId(), Until: pb.State_STATE_DELETED})
	fine(t, err)

	_, err = east.Flavors.Get(ctx, &pb.GetFlavorRequest{NameOrId: "none"})
	var missing *oaktree.Error
	if !errors.Is(err, oaktree.ErrNotFound) || !errors.As(err, &missing) {
		t.Fatal(err)
	}
	same(t, missing.Reason, "NOT_FOUND")
	same(t, missing.Cloud+"/"+missing.Region, "modern/east")
}
