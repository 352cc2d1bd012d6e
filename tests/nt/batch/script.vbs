Dim map
Set map = CreateObject("Scripting.Dictionary")
map.Add "one", 1
map.Add "two", 2
WScript.Echo "vb " & map.Count & " " & UCase("text")
