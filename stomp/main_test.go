package stomp_test

import (
	"testing"

	"github.com/webstomp/webstomp/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }
