package oaktree

import (
	"iter"
	"maps"
	"slices"
)

// A Mirror keeps all that a watch has told and that is still there; it is given each event. It is not
// safe for concurrent use.
type Mirror[T Watchable] struct {
	items map[Key]T
	// By place, which is a key without an id: what was there before a reset, and has not been seen
	// since.
	unseen map[Key]map[Key]bool
}

// NewMirror makes one that is empty.
func NewMirror[T Watchable]() *Mirror[T] {
	return &Mirror[T]{map[Key]T{}, map[Key]map[Key]bool{}}
}

// Apply takes an event in. It returns the items that are there no more, in their last known state.
func (m *Mirror[T]) Apply(event Event[T]) []T {
	key := event.Key()
	place := Key{Cloud: key.Cloud, Region: key.Region}
	switch event.Kind {
	case EventPresent, EventChanged:
		m.items[key] = event.Item
		delete(m.unseen[place], key)
	case EventReset:
		unseen := map[Key]bool{}
		for one := range m.items {
			if one.Cloud == place.Cloud && one.Region == place.Region {
				unseen[one] = true
			}
		}
		m.unseen[place] = unseen
	case EventSynced:
		unseen := m.unseen[place]
		delete(m.unseen, place)
		return m.drop(maps.Keys(unseen))
	case EventRemoved:
		return m.drop(slices.Values([]Key{key}))
	}
	return nil
}

func (m *Mirror[T]) drop(keys iter.Seq[Key]) []T {
	var gone []T
	for key := range keys {
		if item, ok := m.items[key]; ok {
			gone = append(gone, item)
			delete(m.items, key)
		}
	}
	return gone
}

// Get gives the newest state of an item, and whether it is there.
func (m *Mirror[T]) Get(key Key) (T, bool) {
	item, ok := m.items[key]
	return item, ok
}

// All yields what is there, in no order.
func (m *Mirror[T]) All() iter.Seq2[Key, T] {
	return maps.All(m.items)
}

// Len is how many items are there.
func (m *Mirror[T]) Len() int {
	return len(m.items)
}
