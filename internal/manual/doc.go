// Package manual writes manual pages (man(7)): of the program's commands, and of the configuration file. They are made of
// the texts that the program has anyway, so that there is nothing to forget.
package manual
