package cluster

import (
	"slices"
	"testing"
	"time"
)

// What the reports of this package are reckoned by.

func TestAttendance_served(t *testing.T) {
	begin := time.Now()
	at := func(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }
	a := newAttendance(2)
	a.away = [][]absence{
		{{at(0), at(10)}, {from: at(30)}}, // it is still away
		{{at(5), at(12)}, {from: at(40)}},
	}
	for _, tc := range []struct{ lost, back, want int }{
		{1, 4, 3},   // the second node served
		{6, 9, 0},   // none did
		{6, 14, 4},  // from 10 on the first one did
		{4, 11, 2},  // 4 to 5, and 10 to 11
		{31, 50, 9}, // until the second one left
		{13, 20, 7}, // all did
	} {
		if got := a.served(gap{lost: at(tc.lost), back: at(tc.back)}); got != time.Duration(tc.want)*time.Second {
			t.Errorf("from %d to %d: served for %v, want %d s", tc.lost, tc.back, got, tc.want)
		}
	}
}

func TestEntries_of_a_log(t *testing.T) {
	got := entries(`2026-11-26 18:53:11.985946+00:00 [info] <0.1137.0> stopped STOMP TCP listener on 127.0.0.1:22551
2026-11-26 18:53:11.990275+00:00 [error] <0.45.0> STOMP error frame sent:
2026-11-26 18:53:11.990275+00:00 [error] <0.45.0> Message: "Processing error"
no entry
2026-11-26 18:53:12.001184+00:00 [info] <0.1191.0> stopped TCP listener on 127.0.0.1:23925
`)
	want := []string{
		"[info] stopped STOMP TCP listener on 127.0.0.1:22551",
		`[error] STOMP error frame sent: Message: "Processing error"`,
		"[info] stopped TCP listener on 127.0.0.1:23925",
	}
	if !slices.EqualFunc(got, want, func(e entry, text string) bool { return e.text == text }) {
		t.Fatalf("got %v, want %q", got, want)
	}
	if want := time.Date(2026, 11, 26, 18, 53, 11, 990275000, time.UTC); !got[1].at.Equal(want) {
		t.Errorf("at %v, want %v", got[1].at, want)
	}
	if got, want := particulars.Replace(got[0].text), "[info] stopped STOMP TCP listener on 127.0.0.1:port"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDensest(t *testing.T) {
	var times []time.Time
	for _, ms := range []int{0, 10, 90, 100, 101, 500} {
		times = append(times, time.UnixMilli(int64(ms)))
	}
	if got := densest(times, 100*time.Millisecond); got != 4 {
		t.Errorf("%d within 0.1 s, want 4: two times 100 ms apart are", got)
	}
	if got := densest(nil, time.Second); got != 0 {
		t.Errorf("%d of none", got)
	}
}
