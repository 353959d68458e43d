package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// openLedger opens a file of lines that begin with an offset, and returns the offset to
// go on with: the one behind the last line, 0 for a new file. A line that a kill has left
// half written is cut off: its message comes again.
func openLedger(path string) (file *os.File, next int64, err error) {
	file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, err
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, err
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	if err := file.Truncate(int64(len(whole))); err != nil {
		return nil, 0, err
	}
	if len(whole) == 0 {
		return file, 0, nil
	}
	last := whole[bytes.LastIndexByte(whole[:len(whole)-1], '\n')+1:]
	number, _, _ := bytes.Cut(last, []byte(" "))
	if next, err = strconv.ParseInt(string(number), 10, 64); err != nil {
		return nil, 0, fmt.Errorf("the last line of %s does not begin with an offset: %w", path, err)
	}
	return file, next + 1, nil
}
