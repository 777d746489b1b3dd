package main

import (
	"context"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/config"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"github.com/gophercloud/gophercloud/v2/pagination"
)

// compute is logged in to the cloud of a clouds.yaml that the other programs ask oaktree about.
func compute(ctx context.Context, path string) (*gophercloud.ServiceClient, error) {
	auth, endpoint, tls, err := clouds.Parse(
		clouds.WithLocations(path), clouds.WithCloudName(east.GetCloud()), clouds.WithRegion(east.GetRegion()))
	if err != nil {
		return nil, err
	}
	provider, err := config.NewProviderClient(ctx, auth, config.WithTLSConfig(tls))
	if err != nil {
		return nil, err
	}
	client, err := openstack.NewComputeV2(provider, endpoint)
	if err == nil {
		// What oaktree asks for, too: the pages are the same bytes.
		client.Microversion = "2.96"
	}
	return client, err
}

// listGophercloud goes page by page, which is gophercloud's cheapest way: AllPages, as in its
// documentation, writes all of them as JSON once more to join them.
func listGophercloud(path string) (lister, error) {
	client, err := compute(context.Background(), path)
	if err != nil {
		return nil, err
	}
	// It keeps nothing, so that what it tells is never old.
	return func(ctx context.Context, _ time.Duration) (int, error) {
		count := 0
		err := servers.List(client, nil).EachPage(ctx, func(_ context.Context, page pagination.Page) (bool, error) {
			found, err := servers.ExtractServers(page)
			for _, server := range found {
				if server.Name != "" {
					count++
				}
			}
			return err == nil, err
		})
		return count, err
	}, nil
}
