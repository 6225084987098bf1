// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// openNew opens a file of the working directory for writing, and makes it if it is not there.
func openNew(name string, flags int) int {
	return sure(unix.Open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC|flags, 0o600))
}

func put(fd int, block []byte) {
	if n := sure(unix.Write(fd, block)); n != len(block) {
		must(fmt.Errorf("wrote %d of %d bytes", n, len(block)))
	}
}

// sizeOf is how many bytes a helper writes to a file with its i-th write, as number who.
func sizeOf(who, file, i int) int { return 1 + (who*31+file*7+i*13)%512 }

// write writes so many times to each of some files in turn, says that it has, and keeps all open until it is released.
func write(who, files, times int) {
	var fds []int
	for file := range files {
		fds = append(fds, openNew(strconv.Itoa(file), unix.O_APPEND))
	}
	var block [512]byte
	for i := range times {
		for file, fd := range fds {
			put(fd, block[:sizeOf(who, file, i)])
		}
	}
	fmt.Println("written")
	released()
	for _, fd := range fds {
		must(unix.Close(fd))
	}
}

// trickle keeps one file open, and for each word writes to it 100 times and says how many bytes that were.
func trickle() {
	fd := openNew("open", 0)
	var block [512]byte
	for round := 0; sure(unix.Read(0, make([]byte, 1))) > 0; round++ {
		sum := 0
		for i := range 100 {
			put(fd, block[:sizeOf(0, round, i)])
			sum += sizeOf(0, round, i)
		}
		fmt.Println(sum)
	}
	must(unix.Close(fd))
}

// createDelete makes and removes n files, each before the next one. Before each burst it waits for a word.
func createDelete(n, burst int) {
	for i := range n {
		if i%burst == 0 && sure(unix.Read(0, make([]byte, 1))) == 0 {
			return
		}
		name := strconv.Itoa(i)
		must(unix.Close(openNew(name, unix.O_EXCL)))
		must(unix.Unlink(name))
	}
}
