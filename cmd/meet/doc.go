// Command meet is Meet's server and its command-line tools. Each subcommand has a file of its own.
//
// The exit status is 0 on success, 1 if the operation failed, and 2 if the command line or the settings are wrong.
// With status 2, it prints one sentence for each problem, with the name of the flag or setting.
package main
