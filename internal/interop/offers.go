package interop

// The entries of offers.
const (
	rabbitMQ     = "RabbitMQ"
	artemis      = "ActiveMQ Artemis"
	classic      = "ActiveMQ Classic"
	springSimple = "Spring simple broker"
	springRelay  = "Spring relay"
)

const (
	noReceipts  = "answers no receipt but that of DISCONNECT"
	noAcks      = "ignores ack modes: a message is done with when it is sent"
	noQueues    = "has topics alone: every subscriber of a /queue/ gets all"
	noJMSFilter = "does not look at the selector header"
	noHosts     = "does not look at the host header"
	bareSocket  = "there is no WebSocket to compress"
)

// offers is what a server does not do, with the reason: scenario, server, why.
var offers = map[string]map[string]string{
	"bodies that are not UTF-8": {
		classic: "its WebSocket ignores binary messages; over TCP it takes them",
	},
	"queue: in turns":                    {springSimple: noQueues},
	"ack client, cumulative":             {springSimple: noAcks},
	"ack client-individual":              {springSimple: noAcks},
	"nack":                               {springSimple: noAcks},
	"redelivery after a cut":             {springSimple: noAcks},
	"prefetch":                           {springSimple: noAcks},
	"transaction: commit, abort":         {springSimple: "delivers what is sent in a transaction at once"},
	"transaction with acks":              {springSimple: noAcks, artemis: "an ACK in a transaction counts at once"},
	receiptsName:                         {springSimple: noReceipts},
	"durable subscription":               {springSimple: "keeps nothing"},
	"selector":                           {rabbitMQ: noJMSFilter, springSimple: "only if the application sets a selector header", springRelay: noJMSFilter + " (RabbitMQ)"},
	"wrong login":                        {springSimple: "leaves logins to the application", springRelay: "replaces the client's login by its own"},
	"wrong virtual host":                 {artemis: noHosts, classic: noHosts, springSimple: noHosts},
	"refused destination":                {springSimple: "ignores what it does not serve"},
	"queue deleted under a subscription": {springSimple: noQueues},
	"a frame above the server's limit":   {artemis: "takes messages of any size, in WebSocket frames up to 64 KiB"},
}

// notOffered is the reason why a scenario cannot be tried here, or "".
func (e *Endpoint) notOffered(scenario string) string {
	if e.Bare {
		switch scenario {
		case "permessage-deflate":
			return bareSocket
		case "bodies that are not UTF-8":
			return ""
		}
	}
	return offers[scenario][e.name]
}
