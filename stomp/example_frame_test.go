package stomp_test

import (
	"fmt"
	"log"

	"github.com/webstomp/webstomp/stomp"
)

// A frame of one's own, as it looks on the wire.
func ExampleFrame_AppendTo() {
	f := stomp.NewFrame("SEND", stomp.Header{{"destination", "/queue/a"}, {"note", "12:30"}}, []byte("hello"))
	raw, err := f.AppendTo(nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q\n", raw)
	// Output:
	// "SEND\ndestination:/queue/a\nnote:12\\c30\ncontent-length:5\n\nhello\x00"
}

// A frame from a file or a test's table.
func ExampleParseFrame() {
	f, err := stomp.ParseFrame([]byte("MESSAGE\ndestination:/queue/a\nmessage-id:7\nnote:12\\c30\n\nhello\x00"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.Destination(), f.MessageID(), f.Header.Get("note"), string(f.Body))
	// Output:
	// /queue/a 7 12:30 hello
}
