package localuser

import "testing"

func TestName(t *testing.T) {
	for uid, want := range map[uint32]string{0: Root, 4294967294: "uid:4294967294"} {
		if got := new(Host).Name(uid); got != want {
			t.Errorf("%d is %q, want %q", uid, got, want)
		}
	}
}
