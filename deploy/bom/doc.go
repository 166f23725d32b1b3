// Package bom says what a program is made of: the modules that are linked into it, and their licences. It reads what the
// Go toolchain has recorded in the program itself, so it is true of that very file.
package bom
