// Command run builds what is handed out. "make deb" and "make release" call it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"sealmilter/deploy/release"
)

func main() {
	folder := flag.String("o", "bin", "the `FOLDER` for the results")
	archs := flag.String("arch", runtime.GOARCH, "the processors, as `LIST` of Go's names with commas")
	packages := flag.Bool("deb", false, "build the Debian packages only")
	maintainer := flag.String("maintainer", "", "`WHO` answers for the packages, as in \"Name <address>\" (default: who made the last commit)")
	program := flag.String("program", "", "build nothing but the static program, as `FILE`")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "release: there are no arguments")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	o := release.Options{
		Sources: ".", Folder: *folder, Archs: strings.Split(*archs, ","), PackagesOnly: *packages, Maintainer: *maintainer,
	}
	var written []string
	var err error
	if *program != "" {
		written, err = []string{*program}, release.Program(ctx, o, o.Archs[0], *program)
	} else {
		written, err = release.Build(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		stop()
		os.Exit(1)
	}
	for _, path := range written {
		fmt.Println(path)
	}
}
