package oaktree_test

import (
	"slices"
	"strings"
	"testing"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

func item(at *pb.Location, id, name string) event {
	made := &pb.Server{Id: id, Name: name}
	return event{Kind: oaktree.EventChanged, Location: at, Item: made, ID: id, Name: name}
}

func mark(at *pb.Location, kind oaktree.EventKind) event {
	return event{Kind: kind, Location: at}
}

func removed(at *pb.Location, id string) event {
	return event{Kind: oaktree.EventRemoved, Location: at, ID: id, Deleted: true}
}

// apply gives the ids of what is there no more.
func apply(mirror *oaktree.Mirror[*pb.Server], events ...event) string {
	var gone []string
	for _, event := range events {
		for _, server := range mirror.Apply(event) {
			gone = append(gone, server.GetId())
		}
	}
	slices.Sort(gone)
	return strings.Join(gone, " ")
}

// kept gives what is there, as cloud/id=name.
func kept(mirror *oaktree.Mirror[*pb.Server]) string {
	var there []string
	for key, server := range mirror.All() {
		there = append(there, key.Cloud+"/"+key.ID+"="+server.GetName())
	}
	slices.Sort(there)
	return strings.Join(there, " ")
}

func TestMirrorKeepsTheNewestState(t *testing.T) {
	mirror := oaktree.NewMirror[*pb.Server]()
	same(t, apply(mirror, item(one, "1", "old"), item(one, "2", ""), item(one, "1", "new")), "")
	same(t, kept(mirror), "one/1=new one/2=")
	same(t, mirror.Len(), 2)
	got, ok := mirror.Get(oaktree.Key{Cloud: "one", Region: "r", ID: "1"})
	same(t, ok, true)
	same(t, got.GetName(), "new")
	_, ok = mirror.Get(oaktree.Key{Cloud: "two", Region: "r", ID: "1"})
	same(t, ok, false)
}

func TestMirrorDropsWhatIsRemoved(t *testing.T) {
	mirror := oaktree.NewMirror[*pb.Server]()
	same(t, apply(mirror, item(one, "1", ""), removed(one, "1"), removed(one, "1")), "1")
	same(t, mirror.Len(), 0)
}

func TestMirrorDropsWhatIsNotSeenAgainWhenSynced(t *testing.T) {
	mirror := oaktree.NewMirror[*pb.Server]()
	reset, synced := mark(one, oaktree.EventReset), mark(one, oaktree.EventSynced)
	apply(mirror, reset, item(one, "1", ""), item(one, "2", ""), item(one, "3", ""), synced)
	// Nothing is missing in between: it may well be there.
	same(t, apply(mirror, mark(one, oaktree.EventFailed), reset, item(one, "2", ""), removed(one, "3")), "3")
	same(t, mirror.Len(), 2)
	same(t, apply(mirror, synced), "1")
	same(t, kept(mirror), "one/2=")
	same(t, apply(mirror, synced), "")
}

func TestMirrorDropsNothingByAResetThatIsBrokenOff(t *testing.T) {
	mirror := oaktree.NewMirror[*pb.Server]()
	reset, synced := mark(one, oaktree.EventReset), mark(one, oaktree.EventSynced)
	apply(mirror, reset, item(one, "1", ""), item(one, "2", ""), synced)
	same(t, apply(mirror, reset, item(one, "1", ""), mark(one, oaktree.EventFailed), reset), "")
	same(t, apply(mirror, item(one, "2", ""), synced), "1")
}

func TestMirrorKeepsPlacesApart(t *testing.T) {
	mirror := oaktree.NewMirror[*pb.Server]()
	apply(mirror, item(one, "1", "here"), item(two, "1", "there"))
	same(t, apply(mirror, mark(two, oaktree.EventReset), mark(two, oaktree.EventSynced)), "1")
	same(t, kept(mirror), "one/1=here")
	same(t, apply(mirror, removed(two, "1")), "")
}
