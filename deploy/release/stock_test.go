package release_test

import (
	"os"
	"testing"

	"sealmilter/internal/lab/labtest"
)

// stock is the program and the keys that the tests of this package share.
var stock labtest.Stock

func TestMain(m *testing.M) { os.Exit(stock.Run(m)) }
