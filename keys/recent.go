package keys

import "container/list"

// recent keeps the values that were used last, as many as fit into a number of octets. It is not safe for concurrent use.
// The zero recent keeps nothing but the last value.
type recent[K comparable, V any] struct {
	limit  int // octets
	size   int
	places map[K]*list.Element
	order  list.List // of *kept[K, V], the last used first
}

type kept[K comparable, V any] struct {
	key   K
	value V
	size  int
}

// get returns the value of a key, which counts as a use.
func (r *recent[K, V]) get(key K) (value V, known bool) {
	place, known := r.places[key]
	if !known {
		return value, false
	}
	r.order.MoveToFront(place)
	return place.Value.(*kept[K, V]).value, true
}

// put keeps a value that takes some octets. Those that were not used for the longest make room for it.
func (r *recent[K, V]) put(key K, value V, size int) {
	if old, known := r.places[key]; known {
		r.remove(old)
	}
	for r.size+size > r.limit && r.order.Len() > 0 {
		r.remove(r.order.Back())
	}
	if r.places == nil {
		r.places = make(map[K]*list.Element)
	}
	r.places[key] = r.order.PushFront(&kept[K, V]{key, value, size})
	r.size += size
}

func (r *recent[K, V]) remove(place *list.Element) {
	old := r.order.Remove(place).(*kept[K, V])
	delete(r.places, old.key)
	r.size -= old.size
}

// clear forgets all.
func (r *recent[K, V]) clear() {
	clear(r.places)
	r.order.Init()
	r.size = 0
}
