package keys

import (
	"slices"
	"testing"
)

func TestRecent(t *testing.T) {
	r := recent[string, int]{limit: 10}
	has := func(want ...string) {
		t.Helper()
		var got []string
		for place := r.order.Front(); place != nil; place = place.Next() {
			got = append(got, place.Value.(*kept[string, int]).key)
		}
		if !slices.Equal(got, want) || len(r.places) != len(want) {
			t.Errorf("it has %q and %d places, want %q", got, len(r.places), want)
		}
	}
	is := func(key string, want int, known bool) {
		t.Helper()
		if value, found := r.get(key); value != want || found != known {
			t.Errorf("%s is %d, %t", key, value, found)
		}
	}
	is("a", 0, false)
	r.put("a", 1, 4)
	r.put("b", 2, 4)
	has("b", "a")
	is("a", 1, true)
	has("a", "b")
	r.put("c", 3, 4)
	has("c", "a")
	is("b", 0, false)
	r.put("d", 4, 2)
	has("d", "c", "a")
	r.put("a", 5, 1) // smaller than before
	has("a", "d", "c")
	r.put("e", 6, 3)
	has("e", "a", "d", "c")
	is("a", 5, true)
	r.put("f", 7, 11) // alone it is too large already, and stays until the next one
	has("f")
	r.put("g", 8, 1)
	has("g")
	r.clear()
	has()
	r.put("h", 9, 10)
	has("h")
	is("h", 9, true)
}
