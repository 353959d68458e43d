package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// javaServer runs one of the programs in fixtures. The program prints READY on its
// standard output once it serves. It reads commands from its standard input, one
// per line, "1 delete NAME", and answers each with one line, "1 DONE" or "1 FAILED
// reason". It exits at the end of its input, so a killed test leaves no server.
type javaServer struct {
	name, version string
	fixture       string // its folder in fixtures
	source        source
	main          string   // its class
	dir           string   // its data and working folder
	ports         []int    // that accept when it is ready
	args          []string // of its main method

	// The last run; run is nil before the first.
	run     *process
	input   io.Writer
	answers *answers
	asked   int // commands so far
}

// newJavaServer prepares the program in fixtures/<fixture>, with the pom of that
// file name. The version is the pom's.
func newJavaServer(fixture, pom, dir string, ports ...int) (*javaServer, error) {
	for _, program := range []string{"java", "javac", "mvn"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, &Missing{What: "Java server", How: installs, Err: err}
		}
	}
	src, err := readSource(fixture, pom)
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir) // an argument of the program, which runs there
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &javaServer{fixture: fixture, source: src, dir: dir, ports: ports, version: src.property("server.version")}, nil
}

func (s *javaServer) Name() string    { return s.name }
func (s *javaServer) Version() string { return s.version }

func (s *javaServer) Start(ctx context.Context) error {
	if err := s.start(ctx); err != nil {
		return fmt.Errorf("starting %s %s: %w", s.name, s.version, err)
	}
	return nil
}

func (s *javaServer) start(ctx context.Context) error {
	cache, err := mavenCache()
	if err != nil {
		return err
	}
	built, err := cache.get(ctx, s.fixture, s.source)
	if err != nil {
		return err
	}
	if err := unused(s.ports...); err != nil {
		return err
	}
	console := new(tail)
	cmd := exec.Command("java",
		// Small and quick to start: no test measures it.
		"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Djava.io.tmpdir="+s.dir, "-Djava.net.preferIPv4Stack=true",
		"-cp", filepath.Join(built, "classes")+string(filepath.ListSeparator)+filepath.Join(built, "lib", "*"), s.main)
	cmd.Args = append(cmd.Args, s.args...)
	cmd.Dir = s.dir
	answers := newAnswers(console)
	cmd.Stdout = answers
	input, err := cmd.StdinPipe() // closed by Wait
	if err != nil {
		return err
	}
	run, err := launch(cmd, console)
	if err != nil {
		return err
	}
	s.run, s.input, s.answers = run, input, answers
	return run.await(ctx, func() bool { return answers.ready() && accepts(s.ports...) })
}

func (s *javaServer) Stop() {
	if s.run != nil {
		s.run.stop()
	}
}

func (s *javaServer) Kill() {
	if s.run != nil {
		s.run.kill()
	}
}

func (s *javaServer) DeleteQueue(ctx context.Context, name string) error {
	if err := s.ask(ctx, "delete "+name); err != nil {
		return fmt.Errorf("%s: deleting the queue %s: %w", s.name, name, err)
	}
	return nil
}

// ask sends a command to the running program and waits, within ctx, for the answer.
func (s *javaServer) ask(ctx context.Context, command string) error {
	if s.run == nil || s.run.ended() {
		return errors.New("it is not running")
	}
	s.asked++
	number := strconv.Itoa(s.asked)
	if _, err := io.WriteString(s.input, number+" "+command+"\n"); err != nil {
		return err
	}
	for {
		select {
		case line := <-s.answers.lines:
			// A line with another number answers a command whose wait has ended.
			if answer, mine := strings.CutPrefix(line, number+" "); mine {
				if answer == "DONE" {
					return nil
				}
				return errors.New(answer)
			}
		case <-s.run.exited:
			return fmt.Errorf("it ended (%v); the end of its console:\n%s", s.run.err, s.run.console)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
