package cluster

import (
	"testing"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/internal/interop/servers"
)

// The tests on one cluster, one after the other: it takes ten seconds to start.
func TestCluster(t *testing.T) {
	servers.OptIn(t)
	t.Parallel() // with the test of one server, which mostly waits
	c := three(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *broker.Cluster)
	}{
		{"promise7_nothing_confirmed_is_lost", failover},
		{"promise3_cut_often", cutOften},
		{"stream_offsets_give_each_message_once", streamOffsets},
		{"stream_takes_NACK_as_ACK", streamNack},
		{"promise7_topic_of_a_dead_node", topicOfDeadNode},
		{"promise5_classic_queue_of_a_dead_node", classicQueue},
		{"promise3_herd", herds},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, c) })
	}
}
