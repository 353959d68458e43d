package stomp_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// Limits and bounds above what 32 bits hold are as good as none, whatever an int is here.
func TestClient_F12_limits_above_32_bits(t *testing.T) {
	for name, most := range map[string]int64{"5_GiB": 5 << 30, "4_GiB_and_1": 4<<30 + 1, "all": math.MaxInt64} {
		t.Run(name, func(t *testing.T) {
			b := rig.PipeBroker(t)
			client := rig.Connect(t, b, stomp.WithLimits(stomp.Limits{Body: most}), stomp.WithBuffer(0, most, stomp.OverflowFail))
			ctx := rig.Within(t, 20*time.Second)
			messages, err := client.Subscribe(ctx, "/topic/a", stomp.WithReceipt())
			rig.OK(t, err)
			body := strings.Repeat("0123456789abcdef", 1<<14)
			for range 8 {
				rig.OK(t, client.Send(ctx, "/topic/a", []byte(body)))
			}
			for range 8 {
				rig.Body(t, messages, body)
			}
		})
	}
}
