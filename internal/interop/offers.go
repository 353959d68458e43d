package interop

// The names of the servers in offers.
const (
	rabbitMQ     = "RabbitMQ"
	artemis      = "ActiveMQ Artemis"
	classic      = "ActiveMQ Classic"
	springSimple = "Spring simple broker"
	springRelay  = "Spring relay"
	vertx        = "Vert.x"
	openMQ       = "OpenMQ"
)

const (
	noReceipts  = "sends no RECEIPT except for DISCONNECT"
	noAcks      = "ignores ack modes: a message counts as consumed when it is sent"
	noQueues    = "has topics only: every subscriber of a /queue/ gets every message"
	noSelectors = "ignores the selector header"
	noHosts     = "ignores the host header"
	noStore     = "stores no messages"
	noMemory    = "forgets a message when it has sent it: whoever does not acknowledge it does not get it again, nor does anybody else"
	onlyV12     = "speaks STOMP 1.2 alone over WebSocket"
	noWebSocket = "there is no WebSocket to compress"
)

// offers has, by scenario and server, the reasons for what a server does not offer.
var offers = map[string]map[string]string{
	"STOMP 1.0": {openMQ: onlyV12},
	"STOMP 1.1": {openMQ: onlyV12},
	"bodies that are not UTF-8": {
		classic: "its WebSocket ignores binary messages; TCP carries them",
	},
	"header escapes":                     {openMQ: "passes a header on as it came, escapes and all"},
	queueSharedName:                      {springSimple: noQueues},
	"ack client, cumulative":             {springSimple: noAcks, vertx: noMemory},
	"ack client-individual":              {springSimple: noAcks, vertx: noMemory},
	"nack":                               {springSimple: noAcks, vertx: noMemory},
	"redelivery after a cut":             {springSimple: noAcks, vertx: noMemory},
	"prefetch":                           {springSimple: noAcks, vertx: "delivers everything at once", openMQ: "has no header for it"},
	"transaction: commit, abort":         {springSimple: "delivers a SEND in a transaction at once"},
	"transaction with acks":              {springSimple: noAcks, artemis: "an ACK in a transaction takes effect at once", vertx: noMemory, openMQ: "wants a SUBSCRIBE in that transaction as well"},
	receiptsName:                         {springSimple: noReceipts},
	durableName:                          {springSimple: noStore, vertx: noStore},
	"selector":                           {rabbitMQ: noSelectors, springSimple: "only if the application configures a selector header", springRelay: noSelectors + " (RabbitMQ)", vertx: noSelectors},
	"wrong login":                        {springSimple: "leaves logins to the application", springRelay: "replaces the client's login with its own"},
	"wrong virtual host":                 {artemis: noHosts, classic: noHosts, springSimple: noHosts, springRelay: "replaces the client's host with its own", vertx: noHosts, openMQ: noHosts},
	"refused destination":                {springSimple: "silently ignores destinations that it does not serve", vertx: "serves every destination"},
	"queue deleted under a subscription": {springSimple: noQueues, vertx: "a queue is there as long as it has subscribers", openMQ: "says nothing to the subscribers, and they get nothing any more"},
	"permessage-deflate":                 {openMQ: "does not compress"},
	"a frame above the server's limit":   {artemis: "has no limit on messages, only on WebSocket frames (64 KiB), and the client stays below it", openMQ: "never answers a frame with a header line above 10 KiB"},
}

// notOffered returns why a scenario cannot be tried on this endpoint, or "".
func (e *Endpoint) notOffered(scenario string) string {
	if e.TCP {
		switch scenario {
		case "permessage-deflate":
			return noWebSocket
		case "bodies that are not UTF-8":
			return ""
		}
	}
	return offers[scenario][e.name]
}

// faults has, by scenario and server, the faults of servers that a scenario fails by. It is run all the same, and
// fails the build once it passes, unless the server moves: then the fault is mended, and its line here can go.
var faults = map[string]map[string]string{
	promisedBeatsName: {
		rabbitMQ: "its Web STOMP drops fast publishers that have promised heart-beats, as the client does only if it is told to",
	},
}

// fault returns what is wrong with this endpoint's server that makes the scenario fail, or "".
func (e *Endpoint) fault(scenario string) string {
	if e.TCP {
		return "" // all of them are in WebSockets
	}
	return faults[scenario][e.name]
}
