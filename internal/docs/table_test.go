package docs

// way is how the test sees to it that a command works. Whatever the way, the command is checked without running it
// (check_test.go): its folders, its flags, the tests that it names, the files that it calls.
type way struct {
	how how
	as  string // here, servers: what is run instead, where the command itself needs what is not there. {broker} is the URL of one in memory
	why string // checked: why no more than that is done
}

type how uint8

const (
	here    how = iota // it is run, in every test
	servers            // it is run where there are real servers (WEBSTOMP_INTEROP=1)
	ci                 // .ci runs it, in these words
	install            // TestReadme_installs_and_runs runs it, in a module beside the checkout
	checked            // it is not run
)

// table has every command that stands on a page.
var table = map[string]way{
	// README.md
	"go run ./examples/quickstart": {how: here},
	"go run ./examples/quickstart -url ws://127.0.0.1:15674/ws -login guest -passcode guest": {how: here, as: "go run ./examples/quickstart -url {broker} -login guest -passcode guest"},
	"go test ./...": {how: ci},
	"go run ./examples/broker -addr 127.0.0.1:15674":                                                {how: checked, why: "it serves until Ctrl-C; its own tests run it"},
	"go mod edit -replace github.com/webstomp/webstomp=../webstomp":                                 {how: install},
	"go mod edit -replace github.com/webstomp/webstomp/stomp/stompotel=../webstomp/stomp/stompotel": {how: install},
	"go mod tidy": {how: install},
	"go run .":    {how: install},
	"docker run --rm -p 15674:15674 rabbitmq:4 bash -c 'rabbitmq-plugins enable --offline rabbitmq_web_stomp && exec docker-entrypoint.sh rabbitmq-server'": {how: checked, why: "CI has no Docker"},
	"apt-get install rabbitmq-server && rabbitmq-plugins enable rabbitmq_web_stomp":                                                                         {how: checked, why: "internal/interop/install installs the package, and each broker of the tests enables the plugin for itself"},

	// CONTRIBUTING.md
	".ci/run":                           {how: checked, why: "CI is that"},
	".ci/run static test":               {how: checked, why: "CI is that, by its parts"},
	"cd stomp/stompcat && go install .": {how: checked, why: "a release, which CI makes in a clone, installs it"},
	"go test -race ./stomp":             {how: checked, why: "CI runs the tests of all packages with -race"},
	"gofmt -l . && go vet ./...":        {how: checked, why: "CI runs both, as two steps"},
	"go test -run '^TestClient_chaos' ./stomp -chaos.cuts=1000":                                {how: checked, why: "CI runs it with the flag before the package"},
	"go test ./internal/bench/soak -soak.clients=10000 -soak.messages=5000000":                 {how: checked, why: "CI runs it with -v and a time"},
	"go test ./internal/bench/soak -run mixed -soak.time=1h -timeout 2h":                       {how: checked, why: "it takes an hour"},
	"WEBSTOMP_INTEROP=1 go test -run '^TestSpring_promise3' ./internal/interop -relay.away=1m": {how: checked, why: "CI runs it with 20 s"},
	"go test ./internal/model":                                                                                {how: checked, why: "CI runs the tests of all packages"},
	"go test ./internal/model -model.for=1h -timeout 2h":                                                      {how: checked, why: "it takes an hour"},
	"go test ./internal/model -model.seed=12345 -model.runs=200 -model.events=5000":                           {how: checked, why: "it takes a minute"},
	"go run ./internal/model/cmd/mutants":                                                                     {how: checked, why: "it takes half an hour; CI checks its table"},
	"go run ./internal/model/cmd/mutants -only 'UNSUB|ACK' -for 2m":                                           {how: checked, why: "it takes minutes"},
	"go test -run '^$' -fuzz '^FuzzDecode$' -fuzztime 60s ./internal/wire":                                    {how: checked, why: "CI runs it for 10 s"},
	"go test -run '^$' -fuzz '^FuzzRoundTrip$' -fuzztime 60s ./internal/wire":                                 {how: checked, why: "CI runs it for 10 s"},
	"go test -run '^$' -fuzz '^FuzzClient_STOMP$' -fuzztime 180s -fuzzminimizetime 1x ./internal/hostile":     {how: checked, why: "CI runs it for 10 s"},
	"go test -run '^$' -fuzz '^FuzzClient_WebSocket$' -fuzztime 180s -fuzzminimizetime 1x ./internal/hostile": {how: checked, why: "CI runs it for 10 s"},
	"internal/interop/install":                                                                                {how: ci},
	"WEBSTOMP_INTEROP=1 go test -p 1 -timeout 20m ./internal/interop/...":                                     {how: checked, why: "CI runs it with -v"},
	"go run ./internal/interop/cmd/matrix -only 'RabbitMQ 4.0 ws$' -scenario prefetch":                        {how: servers},
	"go run ./internal/interop/cmd/with rabbitmq -- go run ./examples/requestreply -url {ws}":                 {how: servers},
	"go run ./internal/bench/cmd/bench":                                                                       {how: checked, why: "CI runs it in short"},
	"go run ./internal/bench/cmd/bench -markdown docs/performance.md -svg docs/performance.svg":               {how: checked, why: "it takes minutes and renews a page"},
	"go test -run '^$' -bench . ./internal/bench":                                                             {how: checked, why: "CI runs all benchmarks in short"},
	"go run ./internal/bench/rival -rabbitmq":                                                                 {how: checked, why: "CI runs it in short, without RabbitMQ"},

	// docs/interop.md
	"go run ./internal/interop/cmd/matrix":                                                                                             {how: checked, why: "CI runs every scenario on every server as tests"},
	"go run ./internal/interop/cmd/matrix -only RabbitMQ":                                                                              {how: checked, why: "it takes minutes"},
	"go run ./internal/interop/cmd/matrix -only 'Classic 6.1 ws' -scenario prefetch":                                                   {how: servers},
	"go run ./internal/interop/cmd/with rabbitmq -- go run ./examples/quickstart -url {ws} -login guest -passcode guest":               {how: servers},
	"WEBSTOMP_INTEROP=1 go test -v -timeout 30m ./internal/interop/cluster -cluster.full":                                              {how: checked, why: "it takes half an hour; CI runs it in short"},
	"WEBSTOMP_INTEROP=1 go test -v ./internal/interop/cluster -run TestCluster/promise7_nothing -cluster.full -cluster.rounds=SIGSTOP": {how: checked, why: "it takes minutes; CI runs it in short"},
	"WEBSTOMP_INTEROP=1 go test -v ./internal/interop/cluster -run TestCluster/promise3_herd -cluster.herd=1000":                       {how: checked, why: "CI runs it with a smaller herd"},

	// docs/performance.md
	"go test ./internal/bench/soak -v -run many -soak.clients=10000":                                                           {how: checked, why: "CI runs it with all others of the package"},
	"go test ./internal/bench/soak -v -run messages -soak.messages=100000000 -timeout 30m":                                     {how: checked, why: "it takes minutes; CI sends 5 million"},
	"go run ./internal/bench/cmd/bench -benchstat -rounds 10 > new.txt && benchstat -col /via new.txt":                         {how: checked, why: "it takes minutes"},
	"go run ./internal/bench/cmd/bench -only RoundTrip -cpuprofile cpu.out && go tool pprof -top -tagfocus via=client cpu.out": {how: checked, why: "it writes a profile"},
}
