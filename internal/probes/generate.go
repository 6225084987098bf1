// SPDX-License-Identifier: Apache-2.0

package probes

//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -cflags "-O2 -g -Wall -Werror -mcpu=v3" -target bpfel -type record -type flag -type tail -type path_mark -type kind -type counters -output-stem process process ../../bpf/process.bpf.c -- -I../../headers
//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -cflags "-O2 -g -Wall -Werror -mcpu=v3" -target bpfel -type header -type record -type local_record -type local_end -type flag -output-stem network network ../../bpf/network.bpf.c -- -I../../headers
//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -cflags "-O2 -g -Wall -Werror -mcpu=v3" -target bpfel -type header -type record -type flag -type tail -type stat -type written -type write_key -type writes_flag -output-stem file file ../../bpf/file.bpf.c -- -I../../headers
