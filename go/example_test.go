package oaktree_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// Where the examples' oaktree is; see TestMain.
var address string

func Example() {
	ctx := context.Background()
	err := func() error {
		client, err := oaktree.Connect(address)
		if err != nil {
			return err
		}
		defer client.Close()

		cloud := client.Cloud("devstack")
		for image, err := range cloud.Images.List(ctx, nil) {
			if err != nil {
				return err
			}
			fmt.Println(image.GetName())
		}
		server, err := cloud.Servers.Create(ctx, &pb.CreateServerRequest{
			Name: "web", Image: "cirros", Flavor: "m1.tiny",
		})
		if err != nil {
			return err
		}
		server, err = cloud.Servers.Wait(ctx, &pb.WaitServerRequest{NameOrId: server.GetId()})
		if err != nil {
			return err
		}
		fmt.Println(server.GetInterfaceIp())
		return cloud.Servers.Delete(ctx, &pb.DeleteServerRequest{NameOrId: server.GetId()})
	}()
	fmt.Println(err)
	// Output:
	// cirros
	// 192.0.2.1
	// <nil>
}

// run connects and gives the example the collections of everything and of one cloud.
func run(example func(context.Context, *oaktree.Client, *oaktree.Scope) error) {
	client, err := oaktree.Connect(address)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	if err := example(context.Background(), client, client.Cloud("devstack")); err != nil {
		fmt.Println("ended:", err)
	}
}

func ExampleOnFailure() {
	run(func(ctx context.Context, client *oaktree.Client, _ *oaktree.Scope) error {
		told := oaktree.OnFailure(func(err *oaktree.Error) {
			fmt.Println("without", err.Cloud, "because of", err.Reason)
		})
		for server, err := range client.Servers.List(ctx, nil, told) {
			if err != nil {
				return err
			}
			fmt.Println(server.GetLocation().GetCloud(), server.GetName())
		}
		return nil
	})
	// Output:
	// without down because of CLOUD_UNREACHABLE
	// devstack web
}

func ExamplePartialFailure() {
	run(func(ctx context.Context, client *oaktree.Client, _ *oaktree.Scope) error {
		var partial *oaktree.PartialFailure
		for server, err := range client.Servers.List(ctx, nil) {
			switch {
			case errors.As(err, &partial):
				fmt.Println("without", partial.Failures[0].Cloud)
			case err != nil:
				return err
			default:
				fmt.Println(server.GetName())
			}
		}
		return nil
	})
	// Output:
	// web
	// without down
}

func ExampleServers_WaitStates() {
	run(func(ctx context.Context, _ *oaktree.Client, cloud *oaktree.Scope) error {
		until := &pb.WaitServerRequest{NameOrId: "web", Until: pb.State_STATE_DELETED}
		for server, err := range cloud.Servers.WaitStates(ctx, until) {
			if err != nil {
				return err
			}
			fmt.Println(server.GetState())
		}
		return nil
	})
	// Output:
	// STATE_PENDING
	// STATE_READY
}

func ExampleServers_Watch() {
	run(func(ctx context.Context, _ *oaktree.Client, cloud *oaktree.Scope) error {
		servers := oaktree.NewMirror[*pb.Server]()
		for event, err := range cloud.Servers.Watch(ctx, nil) {
			if err != nil {
				return err
			}
			for _, server := range servers.Apply(event) {
				fmt.Println(server.GetName(), "is gone")
			}
			switch event.Kind {
			case oaktree.EventPresent, oaktree.EventChanged:
				fmt.Println(event.Item.GetName(), event.Item.GetStatus())
			case oaktree.EventFailed:
				fmt.Println(event.Failure)
			}
		}
		return nil
	})
	// Output:
	// web ACTIVE
	// web is gone
	// no answer (CLOUD_UNREACHABLE, in devstack)
	// ended: no (POLICY_FORBIDS)
}

// inFolder gives an example a folder of its own, with a file in it.
func inFolder(name, content string, example func(folder string) error) error {
	folder, err := os.MkdirTemp("", "oaktree-example-")
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600)
	}
	if err == nil {
		err = example(folder)
	}
	return errors.Join(err, os.RemoveAll(folder))
}

func ExampleImages_Upload() {
	run(func(ctx context.Context, _ *oaktree.Client, cloud *oaktree.Scope) error {
		return inFolder("disk", "QFI", func(folder string) error {
			disk := filepath.Join(folder, "disk")
			told := oaktree.OnProgress(func(p oaktree.Progress) {
				fmt.Println(p.Name, p.SentBytes, "of", p.TotalBytes)
			})
			image, err := cloud.Images.Upload(ctx, oaktree.File(disk), &pb.UploadImageRequest{Name: "debian"}, told)
			if err != nil {
				return err
			}
			fmt.Println(image.GetStatus())
			_, err = cloud.Images.Download(ctx, oaktree.ToFile(disk+".copy"), &pb.DownloadImageRequest{NameOrId: image.GetId()})
			return err
		})
	})
	// Output:
	// debian 0 of 3
	// debian 3 of 3
	// active
}

func ExampleUploadDirectory() {
	run(func(ctx context.Context, _ *oaktree.Client, cloud *oaktree.Scope) error {
		return inFolder("index.html", "hello", func(folder string) error {
			result, err := oaktree.UploadDirectory(ctx, cloud, folder, "www", oaktree.UploadDirectoryOptions{
				Prefix:      "site/",
				Ignore:      []string{"*~", "/drafts/"}, // In the words of .gitignore.
				DeleteExtra: true,
			})
			var some *oaktree.FilesFailed
			if errors.As(err, &some) {
				for _, one := range some.Failed {
					fmt.Println(one.Path, one.Err)
				}
			}
			fmt.Println(result.Sent, "sent,", result.Skipped, "there already,", result.Deleted, "deleted")
			return err
		})
	})
	// Output:
	// 0 sent, 1 there already, 0 deleted
}

func ExampleError() {
	run(func(ctx context.Context, client *oaktree.Client, _ *oaktree.Scope) error {
		cloud := client.Cloud("full")
		server, err := cloud.Servers.Create(ctx, &pb.CreateServerRequest{Name: "web"})
		var failed *oaktree.Error
		switch {
		case errors.Is(err, oaktree.ErrQuotaExceeded) && errors.As(err, &failed):
			fmt.Println("no more", failed.Quota().GetQuota(), "in", failed.Cloud)
		case err != nil:
			return err
		default:
			fmt.Println(server.GetId())
		}
		return nil
	})
	// Output:
	// no more cores in full
}
