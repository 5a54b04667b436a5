# Starts and stops processes for a test, and outlives it: when its standard input ends, however the test ended
# (panic and SIGKILL too), it kills what it started and removes the folder. Commands are lines on standard input.
#   start ID         runs FOLDER/ID/command, answers its process id
#   signal ID NAME   sends a signal, answers "sent" or "gone"
#   wait ID          answers its exit code once it has ended
folder=$1
pids=
# The shell tells of every killed process; the test knows.
exec 2>"$folder/keeper.log"

while read -r verb id name; do
    case $verb in
        start)
            sh "$folder/$id/command" >>"$folder/$id/log" 2>&1 </dev/null &
            pids="$pids $!"
            eval "pid_$id=$!"
            echo $!
            ;;
        signal)
            eval "pid=\$pid_$id"
            kill -s "$name" "$pid" 2>/dev/null && echo sent || echo gone
            ;;
        wait)
            eval "pid=\$pid_$id"
            wait "$pid"
            echo $?
            ;;
    esac
done

for pid in $pids; do
    kill -s KILL "$pid" 2>/dev/null
done
wait
rm -rf "$folder"
# Whatever those had started themselves is in this process group too.
kill -s KILL 0
