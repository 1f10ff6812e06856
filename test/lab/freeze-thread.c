// Freezes single threads of a process, which no signal can do: freeze-thread TID... ; they run on when this program ends.
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
  for (int i = 1; i < argc; i++) {
    pid_t thread = atoi(argv[i]);
    if (ptrace(PTRACE_SEIZE, thread, 0, 0) != 0 || ptrace(PTRACE_INTERRUPT, thread, 0, 0) != 0) {
      perror("ptrace");
      return 1;
    }
    waitpid(thread, NULL, __WALL);
  }
  puts("frozen");
  fflush(stdout);
  for (;;) pause();
}
