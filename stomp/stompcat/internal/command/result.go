package command

import (
	"fmt"
	"time"

	"github.com/webstomp/webstomp/stomp/stompcat/internal/latency"
)

// result is what bench has measured.
type result struct {
	Destination   string     `json:"destination"`
	Server        string     `json:"server"`
	Size          int        `json:"size"`
	Publishers    int        `json:"publishers"`
	Subscribers   int        `json:"subscribers"`
	Rate          float64    `json:"rate,omitempty"` // asked for
	Seconds       float64    `json:"seconds"`        // of sending, and of waiting for its receipts
	Sent          int64      `json:"sent"`
	SentRate      float64    `json:"sent_per_second"`
	Received      int64      `json:"received"`
	ReceivedRate  float64    `json:"received_per_second"` // until the last one came
	Latency       *quantiles `json:"latency_ms"`          // null: nothing was received
	Confirmed     *int64     `json:"confirmed,omitempty"`
	NotConfirmed  *int64     `json:"not_confirmed,omitempty"`
	ReceiptTaking *quantiles `json:"receipt_ms,omitempty"`
}

// quantiles are durations in milliseconds.
type quantiles struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99.9"`
	Max  float64 `json:"max"`
}

func quantilesOf(h *latency.Histogram) *quantiles {
	if h.Count() == 0 {
		return nil
	}
	ms := func(q float64) float64 { return milliseconds(h.Quantile(q)) }
	return &quantiles{ms(0.5), ms(0.9), ms(0.99), ms(0.999), milliseconds(h.Max())}
}

func (q *quantiles) String() string {
	if q == nil {
		return "–"
	}
	ms := func(v float64) string { return short(time.Duration(v * 1e6)) }
	return fmt.Sprintf("p50 %s, p90 %s, p99 %s, p99.9 %s, max %s", ms(q.P50), ms(q.P90), ms(q.P99), ms(q.P999), ms(q.Max))
}

// result returns what was measured; run has returned.
func (b *load) result() result {
	r := result{
		Destination: b.destination, Server: b.publishers[0].Status().Session.Server,
		Size: b.o.size, Publishers: b.o.publishers, Subscribers: b.o.subscribers, Rate: b.o.rate,
		Seconds: time.Duration(b.elapsed.Load()).Seconds(), Sent: b.sent.Load(), Received: b.received.Load(),
		Latency: quantilesOf(&b.delivered),
	}
	r.SentRate = perSecond(r.Sent, r.Seconds)
	r.ReceivedRate = perSecond(r.Received, time.Duration(b.lastReceived.Load()).Seconds())
	if b.o.receipts {
		confirmed, not := b.confirmed.Load(), b.refused.Load()
		r.Confirmed, r.NotConfirmed, r.ReceiptTaking = &confirmed, &not, quantilesOf(&b.receipts)
	}
	return r
}

func perSecond(n int64, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return float64(n) / seconds
}

func (a *app) writeResult(r result) error {
	rate := func(n int64, perSecond float64) string {
		return fmt.Sprintf("%s, %s/s, %.3g MB/s", plural(n, "message"), grouped(int64(perSecond)), perSecond*float64(r.Size)/1e6)
	}
	lines := [][2]string{
		{"destination", r.Destination},
		{"server", r.Server},
		{"load", fmt.Sprintf("%s, %s, %s", plural(int64(r.Publishers), "publisher"), plural(int64(r.Subscribers), "subscriber"), plural(int64(r.Size), "byte"))},
		{"sent", rate(r.Sent, r.SentRate) + fmt.Sprintf(" for %.3g s", r.Seconds)},
		{"received", rate(r.Received, r.ReceivedRate)},
		{"latency", r.Latency.String()},
	}
	if r.Confirmed != nil {
		confirmed := plural(*r.Confirmed, "message")
		if *r.NotConfirmed > 0 {
			confirmed += fmt.Sprintf(", not confirmed: %s", grouped(*r.NotConfirmed))
		}
		lines = append(lines, [2]string{"confirmed", confirmed}, [2]string{"receipts", r.ReceiptTaking.String()})
	}
	return writeTable(a.env.Stdout, a.styleFor(a.env.Stdout), lines)
}
